"""A load with a deadline."""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference


async def shout(**_) -> None:  # found
    pass


late = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), AsyncCallback(shout))
with DAG("load", schedule=None, deadline=late):
    EmptyOperator(task_id="load")
