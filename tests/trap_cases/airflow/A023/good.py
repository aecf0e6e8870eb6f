"""The password percent-encoded."""

import os

from airflow.sdk import DAG, BaseHook, task

os.environ["AIRFLOW_CONN_STORE"] = "postgres://reader:12%233@db.shop/orders"

with DAG("connect_store", schedule=None):

    @task
    def load() -> list:
        connection = BaseHook.get_connection("store")
        return [connection.conn_type, connection.login, connection.host]

    load()
