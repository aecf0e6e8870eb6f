"""Twice as many as asked for."""

from airflow.sdk import DAG, task

with DAG("double", schedule=None, params={"count": 3}, render_template_as_native_obj=True):

    @task
    def double(count: int) -> int:
        return count * 2

    double(count="{{ params.count }}")
