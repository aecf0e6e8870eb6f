"""Sum the orders of each shop day at the midnight that ends it, in the shop's time zone.

What: a cron tick that stands for the local day before it, 23 or 25 hours long where clocks change.
When: daily totals by local date; in UTC, or for data without days, a trigger timetable ("@daily") is enough.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test total_shop_day 2026-03-30
Expect: table `daily_totals` gets 2026-03-29 with 4500 cents: the last whole day in Berlin before the date given.
"""

from __future__ import annotations

import csv
import os
from datetime import date, datetime
from pathlib import Path

import pendulum
from airflow.sdk import CronDataIntervalTimetable, dag, task

ORDERS_FILE = Path(__file__).parent / "orders.csv"
SHOP_ZONE = "Europe/Berlin"


def day_to_total(interval_start: datetime | None, run_after: datetime) -> date:
    """The local date a run stands for; without an interval (`airflow dags trigger`), the last whole day.

    `ds` would be the UTC date of the interval's start: in Berlin always one day too early.
    """
    if interval_start is None:
        return pendulum.instance(run_after).in_timezone(SHOP_ZONE).subtract(days=1).date()
    return pendulum.instance(interval_start).in_timezone(SHOP_ZONE).date()


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone=SHOP_ZONE),
    start_date=pendulum.datetime(2026, 3, 28, tz=SHOP_ZONE),
    catchup=True,
    max_active_runs=1,
    tags=["shop"],
)
def total_shop_day() -> None:
    """Running a day again replaces its total."""

    @task
    def total(dag_run=None) -> dict[str, str | int]:
        day = day_to_total(dag_run.data_interval_start, dag_run.run_after)
        start = pendulum.datetime(day.year, day.month, day.day, tz=SHOP_ZONE)
        end = start.add(days=1)
        with ORDERS_FILE.open(newline="") as lines:
            orders = [(datetime.fromisoformat(o["placed_at"]), int(o["amount_cents"])) for o in csv.DictReader(lines)]
        return {"day": str(day), "cents": sum(cents for placed, cents in orders if start <= placed < end)}

    @task
    def store(row: dict[str, str | int]) -> None:
        import duckdb

        with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
            shop.execute("CREATE TABLE IF NOT EXISTS daily_totals (day DATE PRIMARY KEY, cents BIGINT)")
            shop.execute("INSERT OR REPLACE INTO daily_totals VALUES ($day, $cents)", row)

    store(total())


total_shop_day()
