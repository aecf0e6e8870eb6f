"""Add up the shop's orders in DuckDB, and let lineage events say what was read and written.

What: a SQL task whose hook names the database, so that the SQL's tables become datasets; a task that names assets; opting out.
When: a lineage server is there, or will be fed from a file. Not to start DAGs: assets do that.
Run: AIRFLOW__OPENLINEAGE__TRANSPORT='{"type": "file", "log_file_path": "events.ndjson", "append": true}'
    AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test shop_totals
Expect: events.ndjson with START and COMPLETE of each task and of each SQL statement, tables and assets in them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.openlineage.sqlparser import DatabaseInfo
from airflow.providers.openlineage.utils.selective_enable import disable_lineage
from airflow.sdk import Asset, Connection, dag, task
from duckdb_provider.hooks.duckdb_hook import DuckDBHook

DATABASE = Path(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")).resolve()
ORDERS = Asset("orders_file", uri="file://shop/landing/orders.csv")
LAKE = Asset("totals_in_the_lake", uri="s3://shop-lake/totals")
NAME_ONLY = Asset("totals_by_name")
TABLES = """
CREATE TABLE IF NOT EXISTS orders (order_id INTEGER PRIMARY KEY, customer TEXT, cents INTEGER);
INSERT OR REPLACE INTO orders VALUES (1, 'ann', 300), (2, 'bob', 250), (3, 'ann', 50)
"""
TOTALS = "CREATE OR REPLACE TABLE totals AS SELECT customer, sum(cents) AS cents FROM orders GROUP BY customer"

os.environ.setdefault("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "duckdb", "host": str(DATABASE)}))


class NamedDuckDBHook(DuckDBHook):
    """Tells OpenLineage which database its tables are of; the provider's own hook does not, nor does SQLite's."""

    def get_openlineage_database_info(self, connection: Connection) -> DatabaseInfo:
        """The namespace becomes `duckdb://<file name>`."""
        return DatabaseInfo(scheme="duckdb", authority=Path(connection.host).name, is_information_schema_cross_db=False)

    def get_openlineage_database_dialect(self, connection: Connection) -> str:
        """The grammar that reads the statements."""
        return "duckdb"

    def get_openlineage_default_schema(self) -> str:
        """The schema of a table named without one."""
        return "main"


class ShopQuery(SQLExecuteQueryOperator):
    """A SQL task with the hook above."""

    def get_db_hook(self) -> NamedDuckDBHook:
        """The hook, by the operator's connection."""
        return NamedDuckDBHook(duckdb_conn_id=self.conn_id)


@dag(schedule=None, tags=["shop"])
def shop_totals() -> None:
    """Tables come from SQL, files from inlets and outlets."""
    land = SQLExecuteQueryOperator(task_id="land", conn_id="shop", sql=TABLES, split_statements=True, inlets=[ORDERS])
    add_up = ShopQuery(task_id="add_up", conn_id="shop", sql=TOTALS)

    @task(outlets=[LAKE, NAME_ONLY])
    def publish() -> None:
        if os.environ.get("SHOP_BROKEN"):
            raise ValueError("the lake is closed")

    @task
    def count_secrets() -> int:
        return 0

    land >> add_up >> [publish(), disable_lineage(count_secrets())]


shop_totals()
