"""A password with a # in it."""

import os

from airflow.sdk import DAG, BaseHook, task

os.environ["AIRFLOW_CONN_SHOP"] = "postgres://reader:12#3@db.shop/orders"  # found

with DAG("connect_shop", schedule=None):

    @task
    def load() -> list:
        connection = BaseHook.get_connection("shop")
        return [connection.conn_type, connection.login, connection.host]

    load()
