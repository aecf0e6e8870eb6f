import dagster as dg


@dg.asset(
    partitions_def=dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05"),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def orders(context: dg.AssetExecutionContext):  # found
    keys = list(context.partition_keys)
    return keys


defs = dg.Definitions([orders])
