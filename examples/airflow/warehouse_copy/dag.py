"""Copy a day's files from a stage into a warehouse with the providers' COPY operators, rendered and checked offline.

What: Redshift by its Data API, with a role in place of keys; the day's rows are deleted before they are copied.
When: files in S3 and a warehouse that reads them itself. Small files into DuckDB need no COPY operator.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test warehouse_copy_redshift 2026-03-04
Expect: all skipped without SHOP_CLUSTER, the warehouse's name; the test runs it against a Data API of its own on loopback.
"""

from __future__ import annotations

import os

import pendulum
from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.sdk import DAG, task

WAREHOUSE = {"cluster_identifier": os.environ.get("SHOP_CLUSTER"), "database": "shop", "db_user": "loader"}

with DAG("warehouse_copy_redshift", schedule="@daily", start_date=pendulum.datetime(2026, 3, 1), tags=["shop"]):
    configured = task.short_circuit(lambda: bool(os.environ.get("SHOP_CLUSTER")), task_id="configured")()
    delete = RedshiftDataOperator(
        task_id="delete_day",
        aws_conn_id="shop_warehouse",
        sql="DELETE FROM shop.orders WHERE ordered_on = '{{ ds }}'",  # a second run adds nothing
        poll_interval=1,
        **WAREHOUSE,
    )
    copy = S3ToRedshiftOperator(
        task_id="copy_day",
        schema="shop",
        table="orders",
        s3_bucket="landing",
        s3_key="orders/{{ ds }}/",
        copy_options=["FORMAT AS PARQUET"],
        redshift_conn_id="shop_warehouse",
        aws_conn_id="shop_landing",  # named, although there is a default: see the test
        redshift_data_api_kwargs=WAREHOUSE | {"poll_interval": 1},
    )
    configured >> delete >> copy
