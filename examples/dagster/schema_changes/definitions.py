"""Each load records its columns and is compared with the load before: what breaks readers stops before it is written.

What: orders from a CSV file; new columns are recorded and let through, a lost or retyped one fails the run.
When: sources that change without a notice. Where the columns are agreed, check the contract instead.
Run: dg launch --assets "*" -f definitions.py
Expect: a first run records three columns; after `cents` is renamed in the file, the next run fails and names it.
"""

import os
from pathlib import Path

import dagster as dg
import duckdb

SCHEMA = "dagster/column_schema"


class OrdersFile(dg.Config):
    """The file to load; `accept_changes` takes its columns as the new standard, once."""

    path: str = str(Path(__file__).parent / "orders.csv")
    accept_changes: bool = False


def recorded_columns(instance: dg.DagsterInstance, asset: dg.AssetKey) -> dict[str, str]:
    """Name to type, as the newest materialization recorded it; {} before the first."""
    event = instance.get_latest_materialization_event(asset)
    schema = event.asset_materialization.metadata.get(SCHEMA) if event and event.asset_materialization else None
    return {column.name: column.type for column in schema.schema.columns} if schema else {}


def compare(before: dict[str, str], now: dict[str, str]) -> tuple[list[str], list[str]]:
    """(what breaks readers, what does not)."""
    broken = [f"{name}: {kind} -> {now.get(name, 'gone')}" for name, kind in before.items() if now.get(name) != kind]
    return broken, [f"{name}: new, {kind}" for name, kind in now.items() if before and name not in before]


@dg.asset(kinds={"duckdb"})
def orders(context: dg.AssetExecutionContext, config: OrdersFile) -> dg.MaterializeResult:
    """All orders of the file. The comparison comes before the write, so a refused load changes and records nothing."""
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        rows = database.read_csv(config.path)
        found = {name: str(kind) for name, kind in zip(rows.columns, rows.types, strict=True)}
        broken, added = compare(recorded_columns(context.instance, context.asset_key), found)
        if broken and not config.accept_changes:
            raise dg.Failure(f"columns changed: {'; '.join(broken)}", {"broken": broken}, allow_retries=False)
        database.execute("CREATE OR REPLACE TABLE orders AS SELECT * FROM rows")
        [(count,)] = database.execute("SELECT count(*) FROM orders").fetchall()
    schema = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in found.items()])
    return dg.MaterializeResult(metadata={SCHEMA: schema, "dagster/row_count": count, "column_changes": broken + added})


defs = dg.Definitions(assets=[orders])
