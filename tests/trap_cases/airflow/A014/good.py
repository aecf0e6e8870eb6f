"""The day, handed on by a template."""

from airflow.sdk import DAG, task

with DAG("load", schedule="@daily"):

    @task
    def load(day) -> str:
        return day

    load("{{ ds }}")
