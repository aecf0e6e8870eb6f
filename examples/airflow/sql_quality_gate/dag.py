"""Stage a file in DuckDB, check it there, and publish it only when every check holds.

What: column and table checks between staging and publishing, on a connection from the environment.
When: data that others read; where a wrong row may stand for a while, check after publishing and alert instead.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test sql_quality_gate
Expect: 3 rows in published_orders of shop_data.duckdb; --conf '{"file": ".../orders_bad.csv"}' fails a check, publishes nothing.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.sql.operators.sql import (
    SQLColumnCheckOperator,
    SQLExecuteQueryOperator,
    SQLTableCheckOperator,
)
from airflow.sdk import DAG, chain

# For a first run. The environment is asked before the metadata database: leave this out where a connection is stored.
os.environ.setdefault("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "duckdb", "host": "shop_data.duckdb"}))

with DAG(
    "sql_quality_gate",
    schedule=None,
    params={"file": str(Path(__file__).with_name("orders.csv"))},
    default_args={"conn_id": "shop", "retries": 2, "retry_delay": timedelta(seconds=1)},
    max_active_tasks=1,  # a DuckDB file has one writer, and a reader in another process counts
    tags=["shop"],
):
    create = SQLExecuteQueryOperator(
        task_id="create_tables",
        split_statements=True,
        sql="""
            CREATE OR REPLACE TABLE staged_orders (order_id INTEGER, cents INTEGER, shop TEXT);
            CREATE TABLE IF NOT EXISTS published_orders (order_id INTEGER PRIMARY KEY, cents INTEGER, shop TEXT)
        """,
    )
    stage = SQLExecuteQueryOperator(
        task_id="stage",
        sql="INSERT INTO staged_orders SELECT * FROM read_csv($file)",
        parameters={"file": "{{ params.file }}"},
    )
    columns = SQLColumnCheckOperator(
        task_id="check_columns",
        table="staged_orders",
        column_mapping={
            "order_id": {"null_check": {"equal_to": 0}, "unique_check": {"equal_to": 0}},
            "cents": {"min": {"geq_to": 0}},
            "shop": {"null_check": {"equal_to": 0}},
        },
        retry_on_failure=False,
    )
    table = SQLTableCheckOperator(
        task_id="check_table",
        table="staged_orders",
        checks={"not_empty": {"check_statement": "count(*) > 0"}},  # the column checks hold for an empty table
        retry_on_failure=False,
    )
    publish = SQLExecuteQueryOperator(
        task_id="publish",
        sql="INSERT OR REPLACE INTO published_orders SELECT * FROM staged_orders",
        show_return_value_in_logs=True,
    )
    chain(create, stage, [columns, table], publish)
