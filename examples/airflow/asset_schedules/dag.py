"""Total the days whose orders changed: an asset event wakes the run, a time of day is the fallback, the tables say what to do.

What: AssetOrTimeSchedule on an outlet, and monthly runs by partition key; neither reads which event it was woken by.
When: work that follows data; not where each event must be handled by itself (give each file a run id instead).
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test asset_schedules_load
Expect: 2 orders of 2026-03-02 loaded, an asset event without and one with partition key 2026-03-02.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from airflow.sdk import (
    Asset,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    PartitionedAssetTimetable,
    StartOfMonthMapper,
    dag,
    task,
)

ORDERS = Asset("asset_schedules_orders", group="shop")
ORDER_DAYS = Asset("asset_schedules_order_days", group="shop")  # an event with a key wakes partitioned DAGs only: its own asset


def open_shop() -> Any:
    """The shop database; `orders.totalled` says whether a row is part of its day's total."""
    import duckdb

    shop = duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb"))
    shop.execute("CREATE TABLE IF NOT EXISTS orders (order_id INT PRIMARY KEY, day DATE, cents INT, totalled BOOL)")
    shop.execute("CREATE TABLE IF NOT EXISTS day_totals (day DATE PRIMARY KEY, cents BIGINT)")
    return shop


def total_changed_days() -> list[str]:
    """Total every day with an order that is not in its total yet; return those days."""
    with open_shop() as shop:
        changed = shop.execute("SELECT DISTINCT day::TEXT FROM orders WHERE NOT totalled ORDER BY 1").fetchall()
        shop.execute("BEGIN")
        for day in changed:
            shop.execute("INSERT OR REPLACE INTO day_totals SELECT day, sum(cents) FROM orders WHERE day = ? GROUP BY day", day)
            shop.execute("UPDATE orders SET totalled = true WHERE day = ?", day)
        shop.execute("COMMIT")
    return [day for (day,) in changed]


@dag(schedule=None, params={"days": ["2026-03-02"]}, tags=["shop"])
def asset_schedules_load() -> None:
    """Load the orders of some days; one event for the load, and one a day with the day as partition key."""

    @task(outlets=[ORDERS, ORDER_DAYS])
    def load(params=None, outlet_events=None) -> int:
        with (Path(__file__).parent / "orders.csv").open(newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if row["day"] in params["days"]]
        with open_shop() as shop:
            shop.executemany("INSERT OR REPLACE INTO orders VALUES ($order_id, $day, $cents, false)", rows)
        outlet_events[ORDER_DAYS].add_partitions(params["days"])
        return len(rows)

    load()


@dag(schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 6 * * *", timezone="UTC"), assets=ORDERS), tags=["shop"])
def asset_schedules_total() -> None:
    """Woken by an event or at six; the run has a logical date only in the second case, so it uses none."""
    task(task_id="total")(total_changed_days)()


MONTHS = PartitionedAssetTimetable(assets=ORDER_DAYS, default_partition_mapper=StartOfMonthMapper(input_format="%Y-%m-%d"))


@dag(schedule=MONTHS, tags=["shop"])
def asset_schedules_month() -> None:
    """One run a month that an event's key lies in."""

    @task
    def month_total(partition_key=None) -> list[object]:
        month = partition_key or "2026-03"  # started by hand
        with open_shop() as shop:
            query = "SELECT coalesce(sum(cents), 0)::INT FROM orders WHERE strftime(day, '%Y-%m') = ?"
            return [month, shop.execute(query, [month]).fetchone()[0]]

    month_total()


asset_schedules_load()
asset_schedules_total()
asset_schedules_month()
