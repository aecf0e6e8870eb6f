"""Load what arrived in a run's data interval so that any run, killed, repeated or out of order, leaves the same tables.

What: replace the interval's raw rows and dead letters, merge by key where the newest arrival wins, rebuild the days touched.
When: batch loads from a source that can be read again; append-only event logs need no merge.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test idempotent_loads_orders 2026-03-04
Expect: arrivals of 2026-03-03: 3 rows, one dead letter, two of the rows late; both days are totalled anew.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pendulum
from airflow.sdk import CronDataIntervalTimetable, dag, task
from airflow.sdk.exceptions import AirflowFailException

TABLES = """
CREATE TABLE IF NOT EXISTS arrivals (interval_start TIMESTAMP, arrived_at TIMESTAMP, order_id INT, placed_on DATE, cents INT);
CREATE TABLE IF NOT EXISTS dead_letters (interval_start TIMESTAMP, raw JSON, error TEXT);
CREATE TABLE IF NOT EXISTS orders (order_id INT PRIMARY KEY, placed_on DATE, cents INT, arrived_at TIMESTAMP);
CREATE TABLE IF NOT EXISTS day_totals (day DATE PRIMARY KEY, cents BIGINT);
"""
MERGE = """
MERGE INTO orders USING (
    SELECT * FROM arrivals WHERE interval_start = ?
    QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY arrived_at DESC) = 1
) AS news ON orders.order_id = news.order_id
WHEN MATCHED AND news.arrived_at > orders.arrived_at
    THEN UPDATE SET placed_on = news.placed_on, cents = news.cents, arrived_at = news.arrived_at
WHEN NOT MATCHED THEN INSERT VALUES (news.order_id, news.placed_on, news.cents, news.arrived_at)
"""


def load_interval(shop: Any, rows: Iterable[dict[str, str]], start: datetime) -> dict[str, int]:
    """Replace everything the interval brought, in one transaction; a bad row is kept aside and stops no other."""
    shop.execute(TABLES)
    shop.execute("BEGIN")
    for table in ("arrivals", "dead_letters"):
        shop.execute(f"DELETE FROM {table} WHERE interval_start = ?", [start])
    counts = {"loaded": 0, "dead": 0}
    for row in rows:
        try:
            good = [start, datetime.fromisoformat(row["arrived_at"]), int(row["order_id"]), row["placed_on"], int(row["cents"])]
        except ValueError as error:
            counts["dead"] += 1
            shop.execute("INSERT INTO dead_letters VALUES (?, ?::JSON, ?)", [start, row, str(error)])
        else:
            counts["loaded"] += 1
            shop.execute("INSERT INTO arrivals VALUES (?, ?, ?, ?, ?)", good)
    shop.execute(MERGE, [start])
    shop.execute("DELETE FROM day_totals")  # small here; by the days touched, where it is not
    shop.execute("INSERT INTO day_totals SELECT placed_on, sum(cents) FROM orders GROUP BY placed_on")
    shop.execute("COMMIT")
    return counts


def read_arrivals(start: datetime, end: datetime) -> Iterable[dict[str, str]]:
    """Rows that arrived in [start, end), both UTC; by arrival, not by order date: a late row belongs to one interval too."""
    with Path(os.environ.get("SHOP_ARRIVALS", Path(__file__).parent / "arrivals.csv")).open(newline="") as lines:
        bounds = [f"{moment:%Y-%m-%dT%H:%M:%S}" for moment in (start, end)]
        yield from (row for row in csv.DictReader(lines) if bounds[0] <= row["arrived_at"] < bounds[1])


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 3, 2),
    catchup=False,
    max_active_runs=1,
    tags=["shop"],
)
def idempotent_loads_orders() -> None:
    """History comes by `airflow backfill create`, which may go back before `start_date`."""

    @task
    def load(dag_run=None) -> dict[str, int]:
        import duckdb

        start, end = dag_run.data_interval_start, dag_run.data_interval_end
        if start is None or start == end:
            raise AirflowFailException("this load needs a data interval: trigger it with --logical-date")
        with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
            return load_interval(shop, read_arrivals(start, end), start.replace(tzinfo=None))

    load()


idempotent_loads_orders()
