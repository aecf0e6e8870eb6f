import dagster as dg

days = dg.DailyPartitionsDefinition(start_date="2026-01-01")


@dg.asset(partitions_def=days, tags={"domain": "apples"})
def landed_apples(context: dg.AssetExecutionContext) -> str:
    return f"north/{context.partition_key}"


@dg.asset(partitions_def=days)
def shelved_apples(landed_apples: str) -> int:
    return len(landed_apples)


load_apples = dg.define_asset_job("load_apples", selection="key:landed_apples+")
morning = dg.build_schedule_from_partitioned_job(load_apples, hour_of_day=11, minute_of_hour=13)
defs = dg.Definitions(assets=[landed_apples, shelved_apples], jobs=[load_apples], schedules=[morning])

dg.Definitions.validate_loadable(defs)
assert defs.resolve_job_def("load_apples").partitions_def == days
