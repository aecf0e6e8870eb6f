"""The orders platform in Prefect; Dagster and Airflow have the same under the same folder name.

What: a flow of four tasks for a day: orders from an API, priced, gated, loaded into three tables in one transaction.
When: to compare the tools, piece by piece: references/migrations.md. Not for millions of rows: tasks pass them on.
Run: python run_days.py 2026-03-01 2026-03-02 2026-03-03
Expect: 5 orders, 2 dead letters, 3 days in shop_data.duckdb, on every repetition; ORDERS_API asks a server.
"""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import duckdb
from prefect import Flow, State, Task, flow, runtime, task
from prefect.states import Completed, Failed
from prefect.tasks import exponential_backoff

OFFLINE = Path(__file__).with_name("orders.json").as_uri()
RETRY_SECONDS = float(os.environ.get("RETRY_SECONDS", "5"))
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


def alert(flow: Flow, flow_run: Any, state: State) -> None:
    """One message per failed run, from the process that ran it, or from the worker that notices its end."""
    if webhook := os.environ.get("ALERT_WEBHOOK"):
        text = f"{flow.name} failed, {flow_run.parameters or 'by schedule'}: {state.message}"
        urlopen(Request(webhook, json.dumps({"text": text}).encode()), timeout=10).close()


def passes(task: Task, run: Any, state: State) -> bool:
    """Whether the API may answer later."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, OSError) and (not isinstance(error, HTTPError) or error.code in PASSING)


@task(retries=3, retry_delay_seconds=exponential_backoff(RETRY_SECONDS), retry_condition_fn=passes)
def extract(day: date) -> Rows:
    """What the API reports as new or changed on the day; asked four times while the API is overloaded."""
    api = os.environ.get("ORDERS_API")
    with urlopen(f"{api}?day={day}" if api else OFFLINE, timeout=10) as answer:
        return json.load(answer).get(str(day), [])


@task
def price(rows: Rows) -> Rows:
    """The rows with the price of their product, None where there is no such product."""
    prices = json.loads(Path(__file__).with_name("products.json").read_text())
    return [{**row, "price": prices.get(row.get("product"))} for row in rows]


def fault(row: dict[str, Any]) -> str:
    """Why a row cannot be loaded, or nothing."""
    countable = isinstance(row.get("quantity"), int) and row["quantity"] > 0
    return "unknown product" if row["price"] is None else "" if countable else "quantity is not a positive number"


@task
def gate(rows: Rows) -> tuple[Rows, Rows]:
    """Good rows, and bad ones with their reason; raises when too many are bad."""
    bad = [{"reason": fault(row), "given": json.dumps(row, sort_keys=True)} for row in rows if fault(row)]
    if len(bad) > BAD_SHARE * len(rows):
        raise ValueError(f"{len(bad)} of {len(rows)} rows are bad")
    return [row for row in rows if not fault(row)], bad


@task(tags=["shop-database"])  # DuckDB takes one writer: `prefect concurrency-limit create shop-database 1`
def load(day: date, good: Rows, dead: Rows) -> None:
    """All three tables or none; the newest version of an order stays, whichever day is loaded last."""
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
        shop.execute(TABLES)
        shop.begin()
        shop.execute("DELETE FROM dead_letters WHERE arrived_on = ?", [day])
        for bad in dead:
            shop.execute("INSERT INTO dead_letters VALUES (?, ?, ?)", [day, bad["reason"], bad["given"]])
        for row in good:
            shop.execute(UPSERT, row)
        for touched in {row["ordered_on"] for row in good}:
            shop.execute(TOTALS, [touched])
        shop.commit()


@flow(on_failure=[alert], on_crashed=[alert])
def orders_platform(day: date | None = None) -> None:
    """One day; a schedule gives none, and the run loads the day before it was due, however late it starts."""
    day = day or (runtime.flow_run.scheduled_start_time - timedelta(days=1)).date()
    load(day, *gate(price(extract(day))))


@flow
def backfill(first: date = date(2026, 3, 1), last: date = date(2026, 3, 3)) -> State:
    """Every day from first to last, each a run of its own; one that fails does not stop the next."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    failed = [day for day in days if not orders_platform(day, return_state=True).is_completed()]
    return Failed(message=f"failed: {', '.join(map(str, failed))}") if failed else Completed(message=f"{len(days)} days")
