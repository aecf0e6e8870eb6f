"""Orders from a file to a DuckDB table, with the metadata that Prefect's UI shows.

What: extract, transform, load; the load is an asset with owners, row count, schema, lineage.
When: batches small enough to pass between tasks. Not for rows that stay in a warehouse: run SQL there.
Run: uv run python flow.py
Expect: shop_data.duckdb with 3 rows in daily_revenue; a second run leaves the same 3 rows.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pandas
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.assets import Asset, AssetProperties, materialize

ORDERS = Path(__file__).parent / "orders.csv"
DAILY_REVENUE = Asset(
    key="duckdb://shop/daily_revenue",
    properties=AssetProperties(name="Daily revenue", description="Sales per day, in cents.", owners=["shop-data"]),
)


@task
def extract(path: Path) -> pandas.DataFrame:
    """All orders of the file, one row an order."""
    return pandas.read_csv(path)


@task
def transform(orders: pandas.DataFrame) -> pandas.DataFrame:
    """Orders and revenue in cents, one row a day."""
    priced = orders.assign(revenue_cents=orders["quantity"] * orders["price_cents"])
    return priced.groupby("day", as_index=False).agg(orders=("order_id", "nunique"), revenue_cents=("revenue_cents", "sum"))


@materialize(DAILY_REVENUE, asset_deps=["file://shop/orders.csv"])
def load(revenue: pandas.DataFrame) -> int:
    """Replace the days of this batch in one transaction, so that a second load changes nothing."""
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS daily_revenue (day DATE, orders BIGINT, revenue_cents BIGINT)")
        database.begin()
        database.execute("DELETE FROM daily_revenue WHERE day IN (SELECT CAST(day AS DATE) FROM revenue)")
        database.execute("INSERT INTO daily_revenue BY NAME SELECT * REPLACE (CAST(day AS DATE) AS day) FROM revenue")
        database.commit()
        columns = database.execute("DESCRIBE daily_revenue").fetchall()
    DAILY_REVENUE.add_metadata({"row_count": len(revenue), "schema": {name: kind for name, kind, *_ in columns}})
    return len(revenue)


@flow
def daily_revenue_pipeline(path: Path = ORDERS) -> int:
    """Load the revenue of every day in the file; the number of days."""
    revenue = transform(extract(path))
    rows = load(revenue)
    create_table_artifact(key="daily-revenue", table=revenue.to_dict("records"), description="Revenue per day, in cents")
    get_run_logger().info("%d days loaded", rows)
    return rows


if __name__ == "__main__":
    daily_revenue_pipeline()
