"""A load that must end within the hour."""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG


def late(**_) -> None:
    """Told of a run that takes too long."""


with DAG("load", schedule=None):
    EmptyOperator(task_id="load", sla=timedelta(hours=1))  # found
