"""A report at six that waits for the load of one o'clock."""

from datetime import datetime, timedelta

from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import DAG, task

START = datetime(2026, 3, 1)

with DAG("nightly_load", schedule="0 1 * * *", start_date=START):
    task(task_id="load")(lambda: 1)()

with DAG("morning_report", schedule="0 6 * * *", start_date=START):
    wait = ExternalTaskSensor(  # found
        task_id="wait",
        external_dag_id="nightly_load",
        mode="reschedule",
        timeout=timedelta(hours=2).total_seconds(),
    )
    wait >> task(task_id="report")(lambda: 1)()
