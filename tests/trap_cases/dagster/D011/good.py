import dagster as dg


@dg.asset(
    partitions_def=dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-05"),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    keys = list(context.partition_keys)
    return dg.MaterializeResult(metadata={"days": len(keys)})


defs = dg.Definitions([orders])
