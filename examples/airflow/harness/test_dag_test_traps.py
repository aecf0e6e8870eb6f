"""What `dag.test()` waits for, refuses or does not do, where the harness does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from airflow import settings
from airflow.models.dagrun import DagRun
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Asset, CronPartitionTimetable, task
from asset_events import run_on_events
from dag_files import dag_file_as_bundle
from finished_run import FinishedRun, read_run
from run_dag import load_dag, run_dag
from scheduler_steps import register_dag_file
from sqlalchemy import select
from task_loop import StuckRun

pytestmark = pytest.mark.usefixtures("metadata_database")
MADE = Asset("left_out_orders")

with DAG("left_out_retries"):

    @task(retries=1, retry_delay=timedelta(seconds=2))
    def second_try(ti=None) -> int:
        if ti.try_number == 1:
            raise ConnectionError
        return ti.try_number

    second_try()

with DAG("left_out_question"):
    ask = {"response_timeout": timedelta(seconds=1), "defaults": "Approve"}
    ApprovalOperator(task_id="approve", subject="Load it?", **ask)

with DAG("left_out_producer"):
    task(task_id="load", outlets=[MADE])(lambda: 1)()

with DAG("left_out_follower", schedule=[MADE]):
    task(task_id="events")(lambda triggering_asset_events=None: len(triggering_asset_events))()

with DAG("left_out_key", schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC")):
    task(task_id="key")(lambda partition_key=None: partition_key)()


class WaitsForEver(Exception):
    """Raised in place of the sleep that would be the fifth one."""


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each `time.sleep()`; the real one is called, and never more than four times."""
    seconds: list[float] = []

    def sleep(wait: float, really: Callable[[float], None] = time.sleep) -> None:
        if len(seconds) == 4:
            raise WaitsForEver
        seconds.append(wait)
        really(wait)

    monkeypatch.setattr(time, "sleep", sleep)
    return seconds


def run_with_dag_test(dag_file: Path, dag_id: str) -> FinishedRun:
    """What most projects call."""
    with dag_file_as_bundle(dag_file):
        return read_run(load_dag(dag_file, dag_id).test())


def test_trap_it_sleeps_through_the_wait_before_a_retry(dag_file: Path, sleeps: list[float]) -> None:
    """A second at a time; the harness counts the wait as over."""
    assert run_dag(dag_file, dag_id="left_out_retries").tries == {"second_try": 2}
    assert sleeps == []
    assert run_with_dag_test(dag_file, "left_out_retries").tries == {"second_try": 2}
    assert set(sleeps) == {1}


def test_trap_it_waits_for_a_person_whatever_the_time_limit(dag_file: Path, sleeps: list[float]) -> None:
    """The limit of a second has passed and there is a default; the harness says at once that nothing can run."""
    with pytest.raises(WaitsForEver):
        run_with_dag_test(dag_file, "left_out_question")
    assert sleeps == [1] * 4
    with pytest.raises(StuckRun, match="'approve': 'awaiting_input'"):
        run_dag(dag_file, dag_id="left_out_question")


def test_trap_its_events_start_nothing(dag_file: Path) -> None:
    """The event is in the database and the follower has no run, until a turn of the scheduler."""
    register_dag_file(dag_file)
    assert len(run_with_dag_test(dag_file, "left_out_producer").asset_events) == 1
    assert {run.dag_id for run in settings.Session().scalars(select(DagRun))} == {"left_out_producer"}
    assert [run.xcoms for run in run_on_events(dag_file, [], dag_id="left_out_follower")] == [{"events": 1}]


def test_trap_it_cannot_give_a_run_its_partition_key(dag_file: Path) -> None:
    """There is no argument for it, and without one the task gets None in a green run."""
    with pytest.raises(TypeError, match="partition_key"):
        load_dag(dag_file, "left_out_key").test(partition_key="2026-03-04T00:00:00")
    run = run_with_dag_test(dag_file, "left_out_key")
    assert (run.state, run.xcoms) == ("success", {})
    assert run_dag(dag_file, dag_id="left_out_key", partition_key="2026-03-04T00:00:00").xcoms == {"key": "2026-03-04T00:00:00"}
