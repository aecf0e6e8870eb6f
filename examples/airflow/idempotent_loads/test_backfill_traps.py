"""What a backfill keeps of the runs it does again, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pendulum
import pytest
from airflow import settings
from airflow.models.backfill import AlreadyRunningBackfill, Backfill, DagNonPeriodicScheduleException
from airflow.sdk import DAG, Asset, task
from scheduler_steps import register_dag_file, run_queued
from sqlalchemy import update

pytestmark = pytest.mark.usefixtures("metadata_database")
TRAPS = Path(__file__)
DAILY = "idempotent_loads_daily"

with DAG(DAILY, schedule="@daily", start_date=pendulum.datetime(2026, 3, 1), params={"limit": 1}):
    task(task_id="limit")(lambda params=None: params["limit"])()

with DAG("idempotent_loads_no_schedule"):
    task(task_id="load")(lambda: 1)()

with DAG("idempotent_loads_on_asset", schedule=[Asset("idempotent_loads_asset")]):
    task(task_id="load")(lambda: 1)()


def backfill(dag_id: str, *options: str) -> None:
    """`airflow backfill create` for two days, in this process."""
    from airflow.cli.cli_parser import get_parser

    window = ["--dag-id", dag_id, "--from-date", "2026-03-01", "--to-date", "2026-03-02"]
    arguments = get_parser().parse_args(["backfill", "create", *window, *options])
    arguments.func(arguments)


def run_all() -> dict[str, int]:
    """Run what is queued and end the backfill, as the scheduler does; run id -> the run's limit."""
    limits = {run_id: run.xcoms["limit"] for run_id, (run, _) in run_queued(TRAPS, DAILY).items()}
    settings.Session().execute(update(Backfill).values(completed_at=pendulum.now("UTC")))
    settings.Session().commit()
    return limits


def test_trap_runs_that_are_done_again_keep_their_conf() -> None:
    """Under the same ids, with the conf of the first backfill, not the DAG's default; a new conf must be given."""
    register_dag_file(TRAPS)
    again = ["--reprocess-behavior", "completed"]
    backfill(DAILY, "--dag-run-conf", json.dumps({"limit": 7}))
    first = run_all()
    backfill(DAILY, *again)
    second = run_all()
    backfill(DAILY, *again, "--dag-run-conf", json.dumps({"limit": 8}))
    assert (sorted(first.values()), second) == ([7, 7], first)
    assert run_all() == dict.fromkeys(first, 8)


def test_a_second_backfill_of_a_dag_is_refused_while_one_runs() -> None:
    """Its runs are still queued."""
    register_dag_file(TRAPS)
    backfill(DAILY)
    with pytest.raises(AlreadyRunningBackfill):
        backfill(DAILY)
    run_all()
    backfill(DAILY)


@pytest.mark.parametrize("dag_id", ["idempotent_loads_no_schedule", "idempotent_loads_on_asset"])
def test_a_dag_without_a_schedule_by_time_has_no_backfill(dag_id: str) -> None:
    """No schedule, or one on assets."""
    register_dag_file(TRAPS)
    with pytest.raises(DagNonPeriodicScheduleException):
        backfill(dag_id)
