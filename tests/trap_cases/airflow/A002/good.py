"""An export of orders, started by hand."""

from airflow.sdk import DAG, task

with DAG("export", schedule=None):

    @task
    def write(dag_run=None) -> str:
        return f"orders/{dag_run.logical_date or dag_run.run_after:%Y-%m-%d}.csv"

    write()
