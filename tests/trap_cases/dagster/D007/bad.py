import dagster as dg


@dg.asset
def orders() -> None: ...


hourly = dg.ScheduleDefinition(name="hourly", target=[orders], cron_schedule="0 * * * *")  # found


@dg.sensor(target=[orders], minimum_interval_seconds=30)
def watch(context: dg.SensorEvaluationContext):  # found
    return dg.RunRequest(run_key=context.cursor)


defs = dg.Definitions([orders], schedules=[hourly], sensors=[watch])
