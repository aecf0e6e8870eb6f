"""Orders from a CSV file to a DuckDB table, with the facts Dagster's UI shows about each step.

What: orders -> daily_totals -> daily_revenue, each with row count, schema, lineage, owners, kinds and tags.
When: batches that fit in memory. Not for rows that never leave a warehouse: use `deps=` and SQL there.
Run: dg launch --assets "*" -f definitions.py
Expect: shop_data.duckdb with 3 rows in daily_revenue; a second run leaves the same 3 rows.
"""

import os
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd

SHARED = {"owners": ["team:shop-data"], "tags": {"domain": "shop"}, "group_name": "revenue"}
CREATE_TABLE = "CREATE TABLE IF NOT EXISTS daily_revenue (day DATE, orders BIGINT, revenue_cents BIGINT)"


class OrdersFile(dg.Config):
    """Which file a run reads, so that a corrected file can be loaded from the launchpad."""

    path: str = str(Path(__file__).parent / "orders.csv")


@dg.asset(kinds={"python", "csv"}, code_version="1", **SHARED)
def orders(config: OrdersFile) -> dg.MaterializeResult[pd.DataFrame]:
    """All orders of the file, one row an order."""
    rows = pd.read_csv(config.path)
    return dg.MaterializeResult(value=rows, metadata={"dagster/row_count": len(rows), **_schema(rows)})


@dg.asset(kinds={"python", "pandas"}, code_version="1", **SHARED)
def daily_totals(orders: pd.DataFrame) -> dg.MaterializeResult[pd.DataFrame]:
    """Number of orders and revenue in cents, one row a day."""
    priced = orders.assign(revenue_cents=orders.quantity * orders.price_cents)
    totals = priced.groupby("day").agg(orders=("order_id", "nunique"), revenue_cents=("revenue_cents", "sum"))
    rows = totals.reset_index()
    facts = {"dagster/row_count": len(rows), "preview": dg.MetadataValue.md(rows.head().to_markdown())}
    return dg.MaterializeResult(value=rows, metadata=facts | _schema(rows))


@dg.asset(kinds={"duckdb"}, metadata={"dagster/table_name": "shop_data.main.daily_revenue"}, **SHARED)
def daily_revenue(daily_totals: pd.DataFrame) -> dg.MaterializeResult:
    """The table of revenue a day; a load replaces the days it holds and leaves the others."""
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        database.execute(CREATE_TABLE)
        database.begin()
        database.execute("DELETE FROM daily_revenue WHERE day IN (SELECT day::DATE FROM daily_totals)")
        database.execute("INSERT INTO daily_revenue SELECT day::DATE, * EXCLUDE (day) FROM daily_totals")
        database.commit()
        table = database.table("daily_revenue").df()
    facts = {"dagster/row_count": len(table), "loaded_days": len(daily_totals)}
    return dg.MaterializeResult(metadata=facts | _schema(table))


def _schema(rows: pd.DataFrame) -> dict[str, dg.TableSchema]:
    columns = [dg.TableColumn(name, str(kind)) for name, kind in rows.dtypes.items()]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


defs = dg.Definitions(assets=[orders, daily_totals, daily_revenue])
