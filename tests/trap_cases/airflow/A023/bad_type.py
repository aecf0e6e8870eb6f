"""A type with underscores."""

import os

from airflow.sdk import DAG, BaseHook, task

os.environ["AIRFLOW_CONN_CLOUD"] = "google_cloud_platform://reader:key@shop"  # found

with DAG("connect_cloud", schedule=None):

    @task
    def load() -> list:
        connection = BaseHook.get_connection("cloud")
        return [connection.conn_type, connection.login, connection.host]

    load()
