"""An export of orders, started by the asset that it reads."""

from airflow.sdk import DAG, Asset, task

with DAG("export", schedule=[Asset("orders")]):

    @task
    def write(ds=None) -> str:  # found
        return f"orders/{ds}.csv"

    write()
