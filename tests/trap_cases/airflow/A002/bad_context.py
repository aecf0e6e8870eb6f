"""A file named after the day of a run that may have none."""

from airflow.sdk import DAG, task

with DAG("write_orders_of_context", schedule=None):

    @task
    def write(**context) -> str:  # found
        return f"orders/{context['ds']}.csv"

    write()
