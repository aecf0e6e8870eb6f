import dagster as dg


@dg.asset
def orders() -> None: ...


hourly = dg.ScheduleDefinition(
    name="hourly", target=[orders], cron_schedule="0 * * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)


@dg.sensor(target=[orders], minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def watch(context: dg.SensorEvaluationContext):
    return dg.RunRequest(run_key=context.cursor)


defs = dg.Definitions([orders], schedules=[hourly], sensors=[watch])
