"""Keep how far a load came, and which columns it saw, with the asset: a run goes on where the last one ended.

What: rows changed since the asset's cursor are merged; columns are compared with the recorded ones before anything is written.
When: a source that can be asked for changes. Where a run has a data interval and may be repeated, load the interval instead.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test asset_state_load
Expect: 3 rows in shop_data.duckdb and a cursor of 2026-03-03T09:00; a second run loads the newest row only, to the same effect.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import Asset, Metadata, dag, task
from airflow.sdk.exceptions import AirflowFailException

ORDERS = Asset("asset_state_orders")
Columns = dict[str, str]


def compare(before: Columns, now: Columns) -> tuple[list[str], Columns]:
    """What breaks readers, as `name: type -> type`, and the columns that came."""
    broken = [f"{name}: {kind} -> {now.get(name, 'gone')}" for name, kind in before.items() if now.get(name) != kind]
    return broken, {name: kind for name, kind in now.items() if before and name not in before}


def merge(database, rows, added: Columns, cursor: str) -> str:
    """Write rows changed at `cursor` or later, by order_id, in one transaction; how far they go."""
    database.execute("BEGIN")
    database.execute("CREATE TABLE IF NOT EXISTS orders AS FROM rows LIMIT 0")
    for name, kind in added.items():
        database.execute(f'ALTER TABLE orders ADD COLUMN "{name}" {kind}')
    database.execute("CREATE TEMP TABLE news AS FROM rows WHERE changed_at >= $cursor", {"cursor": cursor})
    database.execute("DELETE FROM orders WHERE order_id IN (SELECT order_id FROM news)")
    database.execute("INSERT INTO orders BY NAME FROM news")
    (newest,) = database.execute("SELECT max(changed_at) FROM news").fetchone()
    database.execute("COMMIT")
    return newest or cursor


@dag(schedule=None, max_active_runs=1, params={"accept_changes": False}, tags=["shop"])  # two runs would share the cursor
def asset_state_load() -> None:
    """SHOP_ORDERS is the source, a CSV file whose times are ISO text in UTC."""

    @task(outlets=[ORDERS])
    def load(params=None, asset_state_store=None):
        import duckdb

        kept = asset_state_store[ORDERS]
        source = os.environ.get("SHOP_ORDERS", str(Path(__file__).with_name("orders.csv")))
        with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
            rows = database.read_csv(source, dtype={"changed_at": "VARCHAR"})
            columns = {name: str(kind) for name, kind in zip(rows.columns, rows.types, strict=True)}
            broken, added = compare(kept.get("columns", {}), columns)
            if broken and not params["accept_changes"]:
                raise AirflowFailException(f"columns changed: {'; '.join(broken)}")  # no retry mends it
            if broken:
                database.execute("DROP TABLE orders")
            cursor = merge(database, rows, {} if broken else added, "" if broken else kept.get("cursor", ""))
        kept.set("columns", columns)  # after the commit: what is set stays set, also when the task fails later
        kept.set("cursor", cursor)
        yield Metadata(ORDERS, {"cursor": cursor, "column_changes": broken + [f"{name}: new" for name in added]})

    load()


asset_state_load()
