"""Each asset states when it is due; no job, no schedule, and the days of an outage are made up for.

What: revenue of a day is due at six once its orders are there, for each missing day of the last week; totals follow revenue.
When: assets with different rhythms that wait for one another. Not where a run must start at a minute: take a schedule.
Run: dg dev -f definitions.py
Expect: orders of yesterday, materialized by hand, are followed by revenue after 06:00 in Berlin, and totals within a minute.
"""

import os
from datetime import timedelta

import dagster as dg
import duckdb

SIX, ZONE = "0 6 * * *", "Europe/Berlin"
DAYS = dg.DailyPartitionsDefinition("2026-03-01", timezone=ZONE)
due = dg.AutomationCondition

missing_days_at_six = (
    due.in_latest_time_window(timedelta(days=7))  # on_cron alone: yesterday, and no other day ever again
    & due.missing()  # without it, all seven days run every morning
    & due.cron_tick_passed(SIX, ZONE).since_last_handled()  # stays true while orders are late, until asked for
    & ~due.any_deps_missing()
).with_label("missing_days_at_six")

# eager alone waits until no day of revenue at all is missing
after_every_update = due.eager().without(~due.any_deps_missing())


def database() -> duckdb.DuckDBPyConnection:
    """The shop's file, with the two tables that the assets fill."""
    connection = duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb"))
    connection.execute("CREATE TABLE IF NOT EXISTS orders (day DATE, cents INT)")
    connection.execute("CREATE TABLE IF NOT EXISTS revenue (day DATE PRIMARY KEY, cents INT)")
    return connection


@dg.asset(partitions_def=DAYS, kinds={"duckdb"})
def orders(context: dg.AssetExecutionContext) -> None:
    """Orders of one day; another pipeline loads them, some days late."""
    with database() as shop:
        shop.execute("DELETE FROM orders WHERE day = ?", [context.partition_key])
        shop.execute("INSERT INTO orders VALUES ($1, 450), ($1, 900)", [context.partition_key])


@dg.asset(partitions_def=DAYS, deps=[orders], kinds={"duckdb"}, automation_condition=missing_days_at_six)
def revenue(context: dg.AssetExecutionContext) -> None:
    """Revenue of one day; a second run replaces its row."""
    with database() as shop:
        query = "INSERT OR REPLACE INTO revenue SELECT $1, coalesce(sum(cents), 0) FROM orders WHERE day = $1"
        shop.execute(query, [context.partition_key])


@dg.asset(deps=[revenue], kinds={"duckdb"}, automation_condition=after_every_update)
def totals() -> dg.MaterializeResult:
    """Revenue of all days that there are."""
    with database() as shop:
        [(days, cents)] = shop.execute("SELECT count(*), coalesce(sum(cents), 0) FROM revenue").fetchall()
    return dg.MaterializeResult(metadata={"days": days, "cents": int(cents)})


# The sensor that Dagster adds by itself is STOPPED. This one takes its place.
automation = dg.AutomationConditionSensorDefinition(
    "automation", target=dg.AssetSelection.all(), default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30
)
defs = dg.Definitions(assets=[orders, revenue, totals], sensors=[automation])
