"""A password with a / in it, that does not begin with digits."""

import os

from airflow.sdk import DAG, BaseHook, task

os.environ["AIRFLOW_CONN_DEPOT"] = "postgres://reader:ab/3@db.shop/orders"  # found

with DAG("connect_depot", schedule=None):

    @task
    def load() -> list:
        connection = BaseHook.get_connection("depot")
        return [connection.conn_type, connection.login, connection.host]

    load()
