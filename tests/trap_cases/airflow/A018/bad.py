"""Twice as many as asked for."""

from airflow.sdk import DAG, task

with DAG("double", schedule=None, params={"count": 3}):

    @task
    def double(count: int) -> int:  # found
        return count * 2

    double(count="{{ params.count }}")
