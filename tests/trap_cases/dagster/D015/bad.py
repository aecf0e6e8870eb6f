import dagster as dg


@dg.asset
def orders() -> None: ...


morning = dg.ScheduleDefinition(  # found
    name="morning", target=[orders], cron_schedule="0 6 * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
defs = dg.Definitions([orders], schedules=[morning])
