import dagster as dg

FILES = ["a.csv", "b.csv"]


@dg.asset
def orders() -> None: ...


@dg.sensor(target=[orders], minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def new_files(context: dg.SensorEvaluationContext):
    for file in FILES:
        yield dg.RunRequest(tags={"file": file})  # found


defs = dg.Definitions([orders], sensors=[new_files])
