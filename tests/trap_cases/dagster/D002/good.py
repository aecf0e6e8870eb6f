import dagster as dg


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
def orders() -> None: ...


load = dg.define_asset_job("load", [orders])
daily = dg.build_schedule_from_partitioned_job(load, name="daily", hour_of_day=6, default_status=dg.DefaultScheduleStatus.RUNNING)
defs = dg.Definitions([orders], jobs=[load], schedules=[daily])
