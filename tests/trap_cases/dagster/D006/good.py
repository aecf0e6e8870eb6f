import dagster as dg

FILES = ["a.csv", "b.csv"]


@dg.asset
def orders() -> None: ...


@dg.sensor(target=[orders], minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def new_files(context: dg.SensorEvaluationContext):
    if FILES:
        file = FILES.pop()
        yield dg.RunRequest(run_key=file, tags={"file": file})


defs = dg.Definitions([orders], sensors=[new_files])
