"""Each follower starts after the load, once, and for the load's own day."""

from __future__ import annotations

from pathlib import Path

import pendulum
import pytest
from run_dag import FinishedRun, rerun, run_dag
from scheduler_steps import create_due_runs, register_dag_file, run_queued

pytestmark = pytest.mark.usefixtures("metadata_database")
PREFIX = "cross_dag_dependencies_"
DAY = pendulum.datetime(2026, 3, 3)


def run(dag_file: Path, name: str, date: pendulum.DateTime | None = DAY) -> FinishedRun:
    """One run of a DAG of this folder; a scheduled run's logical date is its interval's start."""
    interval = (date, date.add(days=1)) if date else None
    return run_dag(dag_file, date, dag_id=PREFIX + name, data_interval=interval)


def queued(dag_file: Path, name: str) -> dict[str, dict[str, object]]:
    """Run what is queued; run id -> XComs."""
    return {run_id: run.xcoms for run_id, (run, _) in run_queued(dag_file, PREFIX + name).items()}


def test_the_follower_by_asset_knows_the_day_of_the_load(dag_file: Path) -> None:
    """The day is in the event's extra."""
    register_dag_file(dag_file)
    assert run(dag_file, "load").state == "success"
    create_due_runs()
    assert list(queued(dag_file, "report").values()) == [{"days": ["2026-03-03"]}]


def test_a_load_that_is_cleared_triggers_its_follower_once(dag_file: Path) -> None:
    """The run id is made of the day; the second call is skipped. The conf is text."""
    register_dag_file(dag_file)
    first = run(dag_file, "load")
    again = rerun(dag_file, first.run_id, dag_id=PREFIX + "load")
    assert (first.task_states["publish"], again.task_states["publish"]) == ("success", "skipped")
    assert queued(dag_file, "publish") == {"load__2026-03-03": {"count": "3"}}


def test_the_sensor_finds_the_load_of_its_own_date(dag_file: Path) -> None:
    """Equal schedules, equal logical dates."""
    run(dag_file, "load")
    late = run(dag_file, "reconcile")
    assert (late.state, late.xcoms["compare"]) == ("success", "2026-03-03")


def test_silent_the_sensor_waits_in_vain_for_a_load_with_another_date(dag_file: Path) -> None:
    """The load is done, an hour is over, nobody said that the dates differ."""
    run(dag_file, "load", DAY.add(hours=1))
    late = run(dag_file, "reconcile")
    assert late.observed.errors["wait"].startswith("AirflowSensorTimeout")


def test_silent_the_sensor_waits_in_vain_in_a_run_without_a_date(dag_file: Path) -> None:
    """By hand, by asset or by TriggerDagRunOperator(logical_date=None): it does not say that it has nothing to look for."""
    run(dag_file, "load")
    late = run(dag_file, "reconcile", None)
    assert late.observed.errors["wait"].startswith("AirflowSensorTimeout")


def test_a_load_that_failed_ends_the_wait(dag_file: Path) -> None:
    """`failed_states` must be named: without them a failed load is waited for until the timeout."""
    load = run(dag_file, "load")
    from airflow import settings
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import update

    made = (TaskInstance.run_id == load.run_id, TaskInstance.task_id == "load")
    settings.Session().execute(update(TaskInstance).where(*made).values(state="failed"))
    settings.Session().commit()
    late = run(dag_file, "reconcile")
    assert (late.state, late.observed.waits) == ("failed", {})
    assert late.observed.errors["wait"].startswith("ExternalTaskFailedError")
