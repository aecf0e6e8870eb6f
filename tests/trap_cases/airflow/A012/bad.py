"""A call that is tried again, later each time."""

from datetime import timedelta

from airflow.sdk import DAG, task

with DAG("call", schedule=None):

    @task(retries=4, retry_delay=timedelta(minutes=1), retry_exponential_backoff=1)
    def ask() -> None:  # found
        raise ConnectionError("try again")

    ask()
