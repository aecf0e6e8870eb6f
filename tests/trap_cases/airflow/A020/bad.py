"""The load of the orders."""

from airflow.sdk import DAG, task

with DAG("load_shop", schedule=None):  # found

    @task
    def orders() -> int:
        return 1

    orders()
