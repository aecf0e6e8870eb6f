"""The day, handed on by a template."""

from airflow.sdk import DAG, task

with DAG("load", schedule="@daily"):

    @task
    def load(ds) -> str:  # found
        return ds

    load("{{ ds }}")
