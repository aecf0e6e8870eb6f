"""Runs that are due are created by the scheduler's own rules; a DAG that loses ticks is seen to lose them."""

from __future__ import annotations

from pathlib import Path

import pendulum
import pytest
from airflow.sdk import DAG, task
from scheduler_steps import create_due_runs, register_dag_file, run_queued

START = pendulum.datetime(2026, 3, 2)

DAILY = {"schedule": "@daily", "start_date": START, "end_date": START.add(days=2)}

with DAG("makes_up", catchup=True, max_active_runs=2, **DAILY) as makes_up:

    @task
    def day(ds=None) -> str:
        return ds

    day()

with DAG("forgets", **DAILY) as forgets:

    @task
    def day_or_none(ds=None) -> str:
        return ds

    day_or_none()


@pytest.mark.usefixtures("metadata_database")
def test_missed_ticks_are_made_up_one_a_turn_and_no_more_than_may_run(dag_file: Path) -> None:
    """Three turns create two runs, because two may be active; when these have run the third is created."""
    register_dag_file(dag_file)
    for _ in range(3):
        create_due_runs()
    first = [run.xcoms["day"] for run, _ in run_queued(dag_file, "makes_up").values()]
    create_due_runs()
    second = [run.xcoms["day"] for run, _ in run_queued(dag_file, "makes_up").values()]
    create_due_runs()
    assert (first, second) == (["2026-03-02", "2026-03-03"], ["2026-03-04"])
    assert run_queued(dag_file, "makes_up") == {}


@pytest.mark.usefixtures("metadata_database")
def test_without_catchup_missed_ticks_are_lost(dag_file: Path) -> None:
    """catchup is False when it is not given: the days that were missed get no run."""
    register_dag_file(dag_file)
    for _ in range(3):
        create_due_runs()
    assert run_queued(dag_file, "forgets") == {}
