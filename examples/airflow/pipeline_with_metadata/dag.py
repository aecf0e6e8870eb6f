"""Load the shop's orders into DuckDB and leave row counts, schema and owners where Airflow shows them.

What: extract, transform and load, with an asset event per run, an idempotent load, and documented tasks.
When: small tables that one worker can hold; above some 10,000 rows pass a path between tasks, not rows.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test load_orders 2026-03-04
Expect: table `orders` with 4 rows in shop_data.duckdb, and an event of asset `orders` with `rows: 4`.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from airflow.sdk import Asset, Metadata, dag, task

ORDERS_FILE = Path(__file__).parent / "orders.csv"
ORDERS = Asset("orders", group="shop", extra={"format": "duckdb table"})
Row = dict[str, str | int]


@dag(
    schedule=None,
    tags=["shop", "duckdb"],
    owner_links={"shop-data": "https://example.com/teams/shop-data"},
    default_args={"owner": "shop-data"},
    doc_md="Loads every order that has an amount. Safe to run again: the load replaces rows by `order_id`.",
)
def load_orders() -> None:
    """Three tasks; rows travel as XComs, so they hold only JSON types."""

    @task
    def extract() -> list[Row]:
        with ORDERS_FILE.open(newline="") as lines:
            return list(csv.DictReader(lines))

    @task(doc_md="Drops orders without an amount; amounts stay integers, in cents.")
    def transform(rows: list[Row]) -> list[Row]:
        return [row | {"amount_cents": int(row["amount_cents"])} for row in rows if row["amount_cents"]]

    @task(outlets=[ORDERS])
    def load(rows: list[Row]):
        import duckdb  # inside the task: the dag-processor imports this file every few seconds

        with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
            shop.execute(
                "CREATE TABLE IF NOT EXISTS orders"
                " (order_id INTEGER PRIMARY KEY, ordered_on DATE, customer TEXT, amount_cents INTEGER)"
            )
            shop.executemany(
                "INSERT OR REPLACE INTO orders VALUES ($order_id, $ordered_on, $customer, $amount_cents)",
                rows,
            )
            total = shop.execute("SELECT count(*) FROM orders").fetchone()[0]
            schema = {name: kind for name, kind, *_ in shop.execute("DESCRIBE orders").fetchall()}
        yield Metadata(ORDERS, {"rows": len(rows), "rows_in_table": total, "schema": schema})

    load(transform(extract()))


load_orders()
