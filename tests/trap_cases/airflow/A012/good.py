"""A call that is tried again, later each time."""

from datetime import timedelta

from airflow.sdk import DAG, task

with DAG("call", schedule=None):

    @task(retries=4, retry_delay=timedelta(minutes=1), retry_exponential_backoff=2.0)
    def ask() -> None:
        raise ConnectionError("try again")

    ask()
