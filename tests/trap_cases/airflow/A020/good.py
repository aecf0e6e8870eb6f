"""The load of the orders."""

from airflow.sdk import DAG, task

with DAG("shop_orders_apart", schedule=None):

    @task
    def orders() -> int:
        return 1

    orders()
