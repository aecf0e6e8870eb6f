"""A load that must end within the hour."""

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, DeadlineAlert, DeadlineReference, SyncCallback


def late(**_) -> None:
    """Told of a run that takes too long."""


in_time = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), SyncCallback(late))
with DAG("load", schedule=None, deadline=in_time):
    EmptyOperator(task_id="load")
