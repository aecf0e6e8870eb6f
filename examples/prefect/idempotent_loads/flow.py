"""Days are loaded, repeated and backfilled in any order, and the tables come out the same.

What: an upsert in which the newer version wins, bad rows in a dead-letter table, late orders in the day they belong to.
When: sources resend and correct. If a day's file is always complete, delete and insert the day instead.
Run: uv run python flow.py
Expect: 4 orders, 1 dead letter, revenue of 2026-03-01 with the late order 5; a second run prints the same.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import duckdb
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

ARRIVALS = Path(os.environ.get("SHOP_ARRIVALS", Path(__file__).parent / "arrivals"))
WRITERS = "shop-database-writers"
TABLES = """
CREATE TABLE IF NOT EXISTS orders (order_id BIGINT PRIMARY KEY, ordered_on DATE, total_cents BIGINT, updated_at TIMESTAMP);
CREATE TABLE IF NOT EXISTS dead_letters (arrived_on DATE, order_id VARCHAR, row VARCHAR);
"""
ARRIVED = "CREATE OR REPLACE TEMP TABLE arrived AS SELECT * FROM read_csv(?, all_varchar = true)"
CONVERTED = """
CREATE OR REPLACE TEMP TABLE converted AS SELECT
    try_cast(order_id AS BIGINT) AS order_id, try_cast(ordered_on AS DATE) AS ordered_on,
    try_cast(total_cents AS BIGINT) AS total_cents, try_cast(updated_at AS TIMESTAMP) AS updated_at,
    order_id AS given_id, CAST(arrived AS VARCHAR) AS given
FROM arrived
"""
GOOD = "(order_id + total_cents) IS NOT NULL AND ordered_on IS NOT NULL AND updated_at IS NOT NULL"
UPSERT = f"""
INSERT INTO orders
SELECT order_id, ordered_on, total_cents, updated_at FROM converted WHERE {GOOD}
QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC) = 1
ON CONFLICT (order_id) DO UPDATE SET
    ordered_on = excluded.ordered_on, total_cents = excluded.total_cents, updated_at = excluded.updated_at
WHERE excluded.updated_at > orders.updated_at
"""
DEAD = f"INSERT INTO dead_letters SELECT ?, given_id, given FROM converted WHERE NOT ({GOOD})"


@task(task_run_name="load {day}")
def load(day: date) -> int:
    """Load what arrived on a day, replacing its dead letters; the number of those."""
    with concurrency(WRITERS, strict=True, timeout_seconds=600):
        with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
            database.execute(TABLES)
            database.execute(ARRIVED, [str(ARRIVALS / f"{day}.csv")])
            database.execute(CONVERTED)
            database.begin()
            database.execute(UPSERT)
            database.execute("DELETE FROM dead_letters WHERE arrived_on = ?", [day])
            database.execute(DEAD, [day])
            database.commit()
            return database.execute("SELECT count(*) FROM dead_letters WHERE arrived_on = ?", [day]).fetchall()[0][0]


@flow(log_prints=True)
def backfill(first: date = date(2026, 3, 1), last: date = date(2026, 3, 3)) -> int:
    """Load every day from first to last, one at a time however many run; the dead letters of those days."""
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(WRITERS, limit=1)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if not days:
        raise ValueError(f"last {last} is before first {first}")
    dead = sum(load.map(days).result())
    print(f"{len(days)} days loaded, {dead} dead letters")
    return dead


if __name__ == "__main__":
    backfill()
