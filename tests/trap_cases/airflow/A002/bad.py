"""An export of orders, started by hand."""

from airflow.sdk import DAG, task

with DAG("export", schedule=None):

    @task
    def write(ds=None) -> str:  # found
        return f"orders/{ds}.csv"

    write()
