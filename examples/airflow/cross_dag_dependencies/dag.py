"""Run one DAG after another: by asset where the data decides, by trigger where the caller must wait, by sensor as a last resort.

What: the same load with three followers, and what each knows of the run before it.
When: assets first; TriggerDagRunOperator to hand over conf and wait; ExternalTaskSensor only between equal schedules.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test cross_dag_dependencies_load 2026-03-02
Expect: task load succeeds and a run of cross_dag_dependencies_publish is queued, with conf {"rows": 3}.
"""

from __future__ import annotations

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import Asset, CronDataIntervalTimetable, Metadata, dag, task

ORDERS = Asset("cross_dag_dependencies_orders")
START = pendulum.datetime(2026, 3, 2)


@dag(schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"), start_date=START, tags=["shop"])
def cross_dag_dependencies_load() -> None:
    """Knows nothing of who follows by asset, and the name of whom it triggers."""

    @task(outlets=[ORDERS])
    def load(ds=None):
        yield Metadata(ORDERS, {"rows": 3, "day": ds})
        return 3

    rows = load()
    TriggerDagRunOperator(
        task_id="publish",
        trigger_dag_id="cross_dag_dependencies_publish",
        trigger_run_id="load__{{ ds or run_id }}",  # one run a day, however often this one is cleared
        logical_date=None,
        conf={"rows": "{{ ti.xcom_pull(task_ids='load') }}"},
        skip_when_already_exists=True,
    ).set_upstream(rows)


@dag(schedule=[ORDERS], tags=["shop"])
def cross_dag_dependencies_report() -> None:
    """Takes the day from the event: the run itself has none."""

    @task
    def days(triggering_asset_events=None) -> list[str]:
        return sorted(event.extra["day"] for event in triggering_asset_events.get(ORDERS, []))

    days()


@dag(schedule=None, params={"rows": "0"}, tags=["shop"])
def cross_dag_dependencies_publish() -> None:
    """Called with the number of rows; what a template made of it is text."""
    task(task_id="count")(lambda params=None: params["rows"])()


@dag(schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"), start_date=START, tags=["shop"])
def cross_dag_dependencies_reconcile() -> None:
    """Waits for the load of the same logical date; fails with it, and gives up."""
    wait = ExternalTaskSensor(
        task_id="wait",
        external_dag_id="cross_dag_dependencies_load",
        external_task_id="load",
        failed_states=["failed", "upstream_failed", "skipped"],
        check_existence=True,
        mode="reschedule",
        poke_interval=600,
        timeout=3600,
    )
    wait >> task(task_id="compare")(lambda ds=None: ds)()


cross_dag_dependencies_load()
cross_dag_dependencies_report()
cross_dag_dependencies_publish()
cross_dag_dependencies_reconcile()
