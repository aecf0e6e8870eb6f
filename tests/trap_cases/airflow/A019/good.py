"""The orders of one country, which is a variable."""

from airflow.sdk import DAG, Variable, task

with DAG("load", schedule=None):

    @task
    def load() -> str:
        return Variable.get("country", default="de")

    load()
