import dagster as dg

regions = dg.StaticPartitionsDefinition(["north", "elsewhere"])
months = dg.MonthlyPartitionsDefinition(start_date="2025-01-01", end_date="2026-01-01")
by_region_and_month = dg.MultiPartitionsDefinition({"region": regions, "month": months})


@dg.asset(partitions_def=by_region_and_month)
def apples_by_region(context: dg.AssetExecutionContext) -> dict:
    keys = context.partition_key.keys_by_dimension
    return {"region": keys["region"], "month": keys["month"], "apples": 17}


result = dg.materialize(
    [apples_by_region],
    partition_key=dg.MultiPartitionKey({"region": "north", "month": "2025-11-01"}),
)
row = result.output_for_node("apples_by_region")
assert row == {"region": "north", "month": "2025-11-01", "apples": 17}
