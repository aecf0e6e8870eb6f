"""Steps that write to one DuckDB file wait for one another; runs of one shop do too.

What: a pool on the assets, a tag on the job, and the limits of both in dagster.yaml.
When: something outside Dagster bears only so many. Order between assets is a dependency, not a pool.
Run: DAGSTER_HOME=$PWD dagster-daemon run -f definitions.py
Expect: one step in the pool "duckdb" at a time, in all runs; one run of each shop, up to ten in all.
"""

import os

import dagster as dg
import duckdb


def count(table: str) -> int:
    """Rows of a table after one more was added; a second writing process would fail here."""
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER)")
        connection.execute(f"INSERT INTO {table} VALUES (1)")
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@dg.asset(pool="duckdb")
def orders() -> dg.MaterializeResult:
    """One row more."""
    return dg.MaterializeResult(metadata={"dagster/row_count": count("orders")})


@dg.asset(pool="duckdb")
def rates() -> dg.MaterializeResult:
    """One row more, in the same file."""
    return dg.MaterializeResult(metadata={"dagster/row_count": count("rates")})


load = dg.define_asset_job("load_basel", [orders, rates], tags={"shop": "basel"})
defs = dg.Definitions(assets=[orders, rates], jobs=[load])
