"""One connection a run, opened late and closed always; a nested resource that shares it; a warehouse with key-pair login.

What: Database (opened and closed by Dagster) inside OrderStore -> two assets; `snowflake` in production, DuckDB locally.
When: connections, clients, temporary folders. Not for what a function can open and close in one `with`.
Run: dg launch --assets "*" -f definitions.py
Expect: shop_data.duckdb with 2 orders; the connection was opened once and is closed after the last asset.
"""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb
from pydantic import PrivateAttr


class Database(dg.ConfigurableResource):
    """A connection from the first step that needs it to the end of the run (with processes for steps: of the step)."""

    path: str
    _connection: duckdb.DuckDBPyConnection | None = PrivateAttr(default=None)  # fields are frozen, private ones are not

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Database"]:
        """Commit is the caller's; an error while closing would be logged and the run be green all the same."""
        with duckdb.connect(self.path) as self._connection:
            yield self
        self._connection = None

    def query(self, sql: str) -> list[tuple]:
        """Rows of a statement; outside a run, or a `with` on the resource, there is no connection."""
        if self._connection is None:
            raise RuntimeError(f"{self.path}: not open; use process_config_and_initialize_cm() outside a run")
        return self._connection.execute(sql).fetchall()


class OrderStore(dg.ConfigurableResource):
    """Orders in a database. It holds a copy of its own, which is opened again beside the one that assets ask for."""

    database: Database

    def replace(self, orders: dict[int, int]) -> int:
        """Replace all orders (id to cents); how many there are now."""
        rows = ", ".join(str(row) for row in orders.items())
        self.database.query(f"CREATE OR REPLACE TABLE orders AS SELECT * FROM (VALUES {rows}) AS made (order_id, cents)")
        return self.database.query("SELECT count(*) FROM orders")[0][0]


@dg.asset
def orders(store: OrderStore) -> dg.MaterializeResult:
    """Two orders."""
    return dg.MaterializeResult(metadata={"dagster/row_count": store.replace({1: 900, 2: 450})})


@dg.asset(deps=[orders])
def revenue(store: OrderStore) -> dg.MaterializeResult:
    """The sum, over the connection that wrote the orders."""
    return dg.MaterializeResult(metadata={"cents": int(store.database.query("SELECT sum(cents) FROM orders")[0][0])})


def snowflake_warehouse(**connection: object) -> dg.ConfigurableResource:
    """Snowflake with a key pair; the key is the text of a PEM file, read from the environment when a run starts."""
    snowflake = importlib.import_module("dagster_snowflake")  # takes seconds: only where it is asked for
    return snowflake.SnowflakeResource(
        account=dg.EnvVar("SNOWFLAKE_ACCOUNT"),
        user=dg.EnvVar("SNOWFLAKE_USER"),
        private_key=dg.EnvVar("SNOWFLAKE_PRIVATE_KEY"),
        warehouse="loading",
        database="shop",
        additional_snowflake_connection_args=connection or None,
    )


defs = dg.Definitions(
    assets=[orders, revenue],
    resources={"store": OrderStore(database=Database(path=os.environ.get("SHOP_DATABASE", "shop_data.duckdb")))},
)
