"""Revenue of yesterday, every morning at 02:30 in Berlin, on the days when the clocks change too.

What: a daily partitioned asset in a time zone; the schedule takes cron, zone and partition from it.
When: one run a period. Not for work that should follow its inputs: use AutomationCondition.on_cron or eager.
Run: dg launch --assets "*" --partition 2026-03-29 -f definitions.py
Expect: shop_data.duckdb holds 2 orders for 2026-03-29, a day of 23 hours, which the tick of 03-30 asks for.
"""

import csv
import os
from datetime import datetime
from pathlib import Path

import dagster as dg
import duckdb

ORDERS = Path(__file__).parent / "orders.csv"  # placed_at is in UTC
BERLIN_DAYS = dg.DailyPartitionsDefinition(start_date="2026-03-01", timezone="Europe/Berlin")
CREATE_TABLE = "CREATE TABLE IF NOT EXISTS daily_revenue (day DATE PRIMARY KEY, orders INT, cents INT)"


@dg.asset(partitions_def=BERLIN_DAYS)
def daily_revenue(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Orders and revenue in cents of one day in Berlin; a second run replaces the day's row."""
    day, window = context.partition_key, context.partition_time_window
    with ORDERS.open() as file:
        placed = [
            int(row["price_cents"])
            for row in csv.DictReader(file)
            if window.start <= datetime.fromisoformat(row["placed_at"]) < window.end
        ]
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        database.execute(CREATE_TABLE)
        row = [day, len(placed), sum(placed)]
        database.execute("INSERT OR REPLACE INTO daily_revenue VALUES (?, ?, ?)", row)
    return dg.MaterializeResult(metadata={"dagster/partition_row_count": len(placed)})


revenue_job = dg.define_asset_job("revenue_job", selection=[daily_revenue])

revenue_schedule = dg.build_schedule_from_partitioned_job(
    revenue_job,
    hour_of_day=2,
    minute_of_hour=30,
    default_status=dg.DefaultScheduleStatus.RUNNING,  # the default is STOPPED: nothing fires
)

defs = dg.Definitions(assets=[daily_revenue], jobs=[revenue_job], schedules=[revenue_schedule])
