"""A DAG that finance looks for by its tag."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("report", schedule=None, tags="finance"):  # found
    EmptyOperator(task_id="build")
