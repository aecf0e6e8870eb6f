"""The orders platform in Dagster; Airflow and Prefect have the same under the same folder name.

What: four steps of a day's partition: orders from an API, priced, gated, loaded into three tables in one transaction.
When: to compare the tools, piece by piece: references/migrations.md. Not for millions of rows: the IO manager stores them.
Run: python run_days.py 2026-03-01 2026-03-02 2026-03-03
Expect: 5 orders, 2 dead letters, 3 days in shop_data.duckdb, on every repetition; ORDERS_API asks a server.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import dagster as dg
import duckdb

OFFLINE = Path(__file__).with_name("orders.json").as_uri()
PASSING, BAD_SHARE = {429, 502, 503, 504}, 0.5  # more bad rows than this, and nothing of the day is loaded
DAYS = dg.DailyPartitionsDefinition(start_date="2026-03-01")
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


@dg.asset(partitions_def=DAYS)
def arrived_orders(context: dg.AssetExecutionContext) -> Rows:
    """What the API reports as new or changed on the day; asked four times while the API is overloaded."""
    day, api = context.partition_key, os.environ.get("ORDERS_API")
    try:
        with urlopen(f"{api}?day={day}" if api else OFFLINE, timeout=10) as answer:
            return json.load(answer).get(day, [])
    except OSError as error:
        if isinstance(error, HTTPError) and error.code not in PASSING:
            raise
        wait = float(os.environ.get("RETRY_SECONDS", "5")) * 2**context.retry_number
        raise dg.RetryRequested(max_retries=3, seconds_to_wait=wait) from error


@dg.asset(partitions_def=DAYS)
def priced_orders(arrived_orders: Rows) -> Rows:
    """The day's rows with the price of their product, None where there is no such product."""
    prices = json.loads(Path(__file__).with_name("products.json").read_text())
    return [{**row, "price": prices.get(row.get("product"))} for row in arrived_orders]


def fault(row: dict[str, Any]) -> str:
    """Why a row cannot be loaded, or nothing."""
    countable = isinstance(row.get("quantity"), int) and row["quantity"] > 0
    return "unknown product" if row["price"] is None else "" if countable else "quantity is not a positive number"


# The check's result comes from the asset: a check that took the asset's value would load all of its partitions.
@dg.asset(partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("few_bad_rows", asset="gated_orders", blocking=True)])
def gated_orders(priced_orders: Rows) -> Iterator[dg.Output | dg.AssetCheckResult]:
    """Good rows, and bad ones with their reason."""
    bad = [{"reason": fault(row), "given": json.dumps(row, sort_keys=True)} for row in priced_orders if fault(row)]
    good = [row for row in priced_orders if not fault(row)]
    yield dg.Output({"good": good, "bad": bad})
    yield dg.AssetCheckResult(passed=len(bad) <= BAD_SHARE * len(priced_orders), metadata={"bad": len(bad)})


@dg.multi_asset(
    specs=[dg.AssetSpec(name, deps=["gated_orders"]) for name in ("orders", "dead_letters", "orders_by_day")],
    ins={"gated": dg.AssetIn("gated_orders")},
    partitions_def=DAYS,
    pool="shop_database",  # DuckDB takes one writer: limit the pool to 1 in dagster.yaml
)
def shop_tables(context: dg.AssetExecutionContext, gated: dict[str, Rows]) -> Iterator[dg.MaterializeResult]:
    """All three tables or none; the newest version of an order stays, whichever day is loaded last."""
    day = context.partition_key
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
        shop.execute(TABLES)
        shop.begin()
        shop.execute("DELETE FROM dead_letters WHERE arrived_on = ?", [day])
        for bad in gated["bad"]:
            shop.execute("INSERT INTO dead_letters VALUES (?, ?, ?)", [day, bad["reason"], bad["given"]])
        for row in gated["good"]:
            shop.execute(UPSERT, row)
        for touched in {row["ordered_on"] for row in gated["good"]}:
            shop.execute(TOTALS, [touched])
        shop.commit()
    yield from (dg.MaterializeResult(asset_key=name) for name in ("orders", "dead_letters", "orders_by_day"))


load_day = dg.define_asset_job("load_day", selection="*")
daily = dg.build_schedule_from_partitioned_job(load_day, default_status=dg.DefaultScheduleStatus.RUNNING)


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING)
def alert(context: dg.RunFailureSensorContext) -> None:
    """One message per failed run, from the daemon; a run whose process died fails once run monitoring notices."""
    text = f"{context.dagster_run.job_name} failed for {context.partition_key}: {context.failure_event.message}"
    context.log.warning(text)
    if webhook := os.environ.get("ALERT_WEBHOOK"):
        urlopen(Request(webhook, json.dumps({"text": text}).encode()), timeout=10).close()


assets = [arrived_orders, priced_orders, gated_orders, shop_tables]
defs = dg.Definitions(assets=assets, jobs=[load_day], schedules=[daily], sensors=[alert])
