"""The type with dashes."""

import os

from airflow.sdk import DAG, BaseHook, task

os.environ["AIRFLOW_CONN_SKY"] = "google-cloud-platform://reader:key@shop"

with DAG("connect_sky", schedule=None):

    @task
    def load() -> list:
        connection = BaseHook.get_connection("sky")
        return [connection.conn_type, connection.login, connection.host]

    load()
