"""The orders platform in Airflow; Dagster and Prefect have the same under the same folder name.

What: four tasks for a day: orders from an API, priced, gated, loaded into three tables in one transaction.
When: to compare the tools, piece by piece: references/migrations.md. Not for millions of rows: they pass through XCom.
Run: python run_days.py 2026-03-01 2026-03-02 2026-03-03
Expect: 5 orders, 2 dead letters, 3 days in shop_data.duckdb, on every repetition; ORDERS_API asks a server.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import duckdb
import pendulum
from airflow.sdk import CronDataIntervalTimetable, dag, task
from airflow.sdk.exceptions import AirflowFailException

OFFLINE = Path(__file__).with_name("orders.json").as_uri()
RETRY = timedelta(seconds=float(os.environ.get("RETRY_SECONDS", "5")))
PASSING, BAD_SHARE = {429, 502, 503, 504}, 0.5  # more bad rows than this, and nothing of the day is loaded
TABLES = """
CREATE TABLE IF NOT EXISTS orders
    (order_id INT PRIMARY KEY, ordered_on DATE, product TEXT, quantity INT, cents INT, updated_at TIMESTAMP);
CREATE TABLE IF NOT EXISTS dead_letters (arrived_on DATE, reason TEXT, given TEXT);
CREATE TABLE IF NOT EXISTS orders_by_day (day DATE PRIMARY KEY, orders INT, cents INT);
"""
UPSERT = """
INSERT INTO orders VALUES ($order_id, $ordered_on, $product, $quantity, $quantity * $price, $updated_at)
ON CONFLICT (order_id) DO UPDATE SET product = excluded.product, quantity = excluded.quantity, cents = excluded.cents,
    updated_at = excluded.updated_at WHERE excluded.updated_at > orders.updated_at
"""
TOTALS = "INSERT OR REPLACE INTO orders_by_day SELECT ordered_on, count(), sum(cents) FROM orders WHERE ordered_on = ? GROUP BY 1"
Rows = list[dict[str, Any]]


def alert(context: Any) -> None:
    """One message per failed task, not per retry; the context of a task whose worker was lost has no exception."""
    text = f"{context['ti'].task_id} failed for {context['run_id']}: {context.get('exception')}"
    if webhook := os.environ.get("ALERT_WEBHOOK"):
        urlopen(Request(webhook, json.dumps({"text": text}).encode()), timeout=10).close()


def fault(row: dict[str, Any]) -> str:
    """Why a row cannot be loaded, or nothing."""
    countable = isinstance(row.get("quantity"), int) and row["quantity"] > 0
    return "unknown product" if row["price"] is None else "" if countable else "quantity is not a positive number"


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),  # with a plain cron string `ds` is the day after
    start_date=pendulum.datetime(2026, 3, 1),
    catchup=False,
    max_active_runs=1,  # DuckDB takes one writer
    default_args={"on_failure_callback": alert},
)
def orders_platform() -> None:
    """History comes by `airflow backfill create`."""

    @task(retries=3, retry_delay=RETRY, retry_exponential_backoff=2.0)
    def extract(ds: str | None = None) -> Rows:
        """What the API reports as new or changed on the day; asked four times while the API is overloaded."""
        if ds is None:
            raise AirflowFailException("which day? trigger with --logical-date")
        api = os.environ.get("ORDERS_API")
        try:
            with urlopen(f"{api}?day={ds}" if api else OFFLINE, timeout=10) as answer:
                return json.load(answer).get(ds, [])
        except HTTPError as error:
            if error.code in PASSING:
                raise
            raise AirflowFailException(str(error)) from error

    @task
    def price(rows: Rows) -> Rows:
        prices = json.loads(Path(__file__).with_name("products.json").read_text())
        return [{**row, "price": prices.get(row.get("product"))} for row in rows]

    @task
    def gate(rows: Rows) -> dict[str, Rows]:
        bad = [{"reason": fault(row), "given": json.dumps(row, sort_keys=True)} for row in rows if fault(row)]
        if len(bad) > BAD_SHARE * len(rows):
            raise AirflowFailException(f"{len(bad)} of {len(rows)} rows are bad")
        return {"good": [row for row in rows if not fault(row)], "bad": bad}

    @task
    def load(gated: dict[str, Rows], ds: str | None = None) -> None:
        """All three tables or none; the newest version of an order stays, whichever day is loaded last."""
        with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
            shop.execute(TABLES)
            shop.begin()
            shop.execute("DELETE FROM dead_letters WHERE arrived_on = ?", [ds])
            for bad in gated["bad"]:
                shop.execute("INSERT INTO dead_letters VALUES (?, ?, ?)", [ds, bad["reason"], bad["given"]])
            for row in gated["good"]:
                shop.execute(UPSERT, row)
            for touched in {row["ordered_on"] for row in gated["good"]}:
                shop.execute(TOTALS, [touched])
            shop.commit()

    load(gate(price(extract())))


orders_platform()
