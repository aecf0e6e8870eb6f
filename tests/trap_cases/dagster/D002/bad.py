import dagster as dg


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
def orders() -> None: ...


load = dg.define_asset_job("load", [orders])
daily = dg.ScheduleDefinition(  # found
    job=load, cron_schedule="30 6 * * *", execution_timezone="UTC", default_status=dg.DefaultScheduleStatus.RUNNING
)
defs = dg.Definitions([orders], jobs=[load], schedules=[daily])
