"""The orders of one country, which is a variable."""

from airflow.sdk import DAG, Variable, task

COUNTRY = Variable.get("country", default="de")  # found

with DAG("load", schedule=None):

    @task
    def load() -> str:
        return COUNTRY

    load()
