"""Orders by day and shop, revenue by day, its trend over two days, and a sheet for each shop.

What: daily (in the shop's zone), multi and static partitions, and what each mapping hands to the next asset.
When: a part can be computed, and failed, alone. Not for thousands of keys a day: the partition is then a column.
Run: dg launch --assets "key:orders" --partition "2026-03-01|basel" -f definitions.py
Expect: one materialized partition of orders; then `--assets "key:shop_sheet" --partition basel` sums the days that there are.
"""

import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date="2026-03-01", end_date="2026-03-04", timezone="Europe/Berlin")
SHOPS = dg.StaticPartitionsDefinition(["basel", "bern"])
DAYS_AND_SHOPS = dg.MultiPartitionsDefinition({"day": DAYS, "shop": SHOPS})
TWO_DAYS = dg.TimeWindowPartitionMapping(start_offset=-1)
SOME = dg.AssetIn(metadata={"allow_missing_partitions": True})  # without it, one missing partition fails the reader


@dg.asset(partitions_def=DAYS_AND_SHOPS)
def orders(context: dg.AssetExecutionContext) -> int:
    """Cents of one day in one shop."""
    place = context.partition_key.keys_by_dimension
    return 100 * int(place["day"][-2:]) + len(place["shop"])


@dg.asset(partitions_def=DAYS, ins={"orders": SOME})
def revenue(orders: dict[str, int]) -> dg.MaterializeResult[int]:
    """Cents of one day: every key of `orders` with this day; how many shops that were is in the metadata."""
    return dg.MaterializeResult(value=sum(orders.values()), metadata={"shops": len(orders)})


@dg.asset(partitions_def=DAYS, ins={"revenue": dg.AssetIn(partition_mapping=TWO_DAYS)})
def trend(context: dg.AssetExecutionContext, revenue) -> int:
    """Change against the day before; the first day gets its number, not a dict: no annotation fits both."""
    by_day = revenue if isinstance(revenue, dict) else {context.partition_key: revenue}
    return 2 * by_day[context.partition_key] - sum(by_day.values())  # today - yesterday


@dg.asset(partitions_def=SHOPS, ins={"orders": SOME})
def shop_sheet(orders: dict[str, int]) -> dg.MaterializeResult[int]:
    """Cents of one shop over the days that there are."""
    return dg.MaterializeResult(value=sum(orders.values()), metadata={"days": len(orders)})


defs = dg.Definitions(assets=[orders, revenue, trend, shop_sheet])
