"""A report."""

from airflow.sdk import dag, task


@dag(schedule="@daily")
def report() -> None:  # found
    @task
    def build() -> None:
        pass

    build()
