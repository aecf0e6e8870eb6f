"""An export of orders, started by the asset that it reads."""

from airflow.sdk import DAG, Asset, task

with DAG("export", schedule=[Asset("orders")]):

    @task
    def write(dag_run=None) -> str:
        return f"orders/{dag_run.run_after:%Y-%m-%d}.csv"

    write()
