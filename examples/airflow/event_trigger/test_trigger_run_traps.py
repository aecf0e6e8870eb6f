"""What a run that another DAG triggers has, or has not, when nobody says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow import settings
from airflow.models.dagrun import DagRun
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, task
from dag_files import dag_file_as_bundle
from run_dag import load_dag, run_dag
from scheduler_steps import register_dag_file, run_queued
from sqlalchemy import select

pytestmark = pytest.mark.usefixtures("metadata_database")
TRAPS = Path(__file__)
TARGET = "event_trigger_target"

with DAG("event_trigger_dates"):
    TriggerDagRunOperator(task_id="stamped", trigger_dag_id=TARGET, trigger_run_id="stamped")
    TriggerDagRunOperator(task_id="undated", trigger_dag_id=TARGET, trigger_run_id="undated", logical_date=None)

with DAG(TARGET):
    task(task_id="has_ds")(lambda ds=None: ds is not None)()


def test_trap_the_operator_stamps_a_date_unless_told_not_to() -> None:
    """The target's `ds` is today's, whatever data it was triggered for."""
    register_dag_file(TRAPS)
    run_dag(TRAPS, dag_id="event_trigger_dates")
    seen = {run_id: run.xcoms["has_ds"] for run_id, (run, _) in run_queued(TRAPS, TARGET).items()}
    assert seen == {"stamped": True, "undated": False}


def test_trap_dag_test_is_green_and_the_target_has_not_run() -> None:
    """Its runs wait in the queue for a scheduler; the harness runs them."""
    with dag_file_as_bundle(TRAPS):
        state = load_dag(TRAPS, "event_trigger_dates").test().state
    made = settings.Session().scalars(select(DagRun).where(DagRun.dag_id == TARGET)).all()
    assert (state, {run.run_id: run.state for run in made}) == ("success", {"stamped": "queued", "undated": "queued"})
    assert sorted(run.state for run, _ in run_queued(TRAPS, TARGET).values()) == ["success", "success"]


def clean_runs() -> None:
    """`airflow db clean` of all runs that ended before a day to come, as a job of the deployment does for old ones."""
    from airflow.cli.cli_parser import get_parser

    command = ["db", "clean", "--tables", "dag_run", "--clean-before-timestamp", "2999-01-01", "--skip-archive", "--yes"]
    arguments = get_parser().parse_args(command)
    arguments.func(arguments)


def test_trap_db_clean_frees_the_run_ids_of_loaded_files(dag_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the newest run's: the older file is loaded once more, so the load must replace its rows."""
    monkeypatch.setenv("SHOP_LANDING", str(tmp_path))
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.duckdb"))
    for number, name in enumerate(["a.csv", "b.csv"]):
        (tmp_path / name).write_text(f"order_id,cents\n{number},100\n")
    register_dag_file(dag_file)
    run_dag(dag_file, dag_id="watch_landing")
    first = list(run_queued(dag_file, "load_order_file"))
    clean_runs()
    run_dag(dag_file, dag_id="watch_landing")
    again = list(run_queued(dag_file, "load_order_file"))
    assert (first, again) == (["file__a.csv", "file__b.csv"], ["file__a.csv"])
