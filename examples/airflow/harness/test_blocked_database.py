"""Task code that uses the ORM is green under `dag.test()` and fails here as it fails in a worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import DAG, Variable, task
from run_dag import load_dag, run_dag
from task_loop import RunOptions

NOT_ALLOWED = "RuntimeError: Direct database access via the ORM is not allowed in Airflow 3.0"

with DAG("keeps_away") as keeps_away:

    @task
    def read_variable() -> str:
        return Variable.get("shop", default="none")

    read_variable()

with DAG("opens_a_session") as opens_a_session:

    @task
    def count_runs() -> int:
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session

        with create_session() as session:
            return session.query(DagRun).count()

    count_runs()

with DAG("takes_the_engine") as takes_the_engine:

    @task
    def connect() -> None:
        from airflow import settings

        settings.engine.connect()

    connect()


@pytest.mark.usefixtures("metadata_database")
def test_tasks_that_use_the_execution_api_are_not_blocked(dag_file: Path) -> None:
    """The Execution API of the same process still reads the database."""
    assert run_dag(dag_file, dag_id="keeps_away").xcoms == {"read_variable": "none"}


@pytest.mark.usefixtures("metadata_database")
def test_a_session_in_a_task_fails_with_the_message_of_a_worker(dag_file: Path) -> None:
    """`dag.test()` and an open database are green with the same DAG; the block lasts no longer than the task."""
    opened = run_dag(dag_file, dag_id="opens_a_session", options=RunOptions(database_open=True))
    blocked = run_dag(dag_file, dag_id="opens_a_session")
    assert (opened.state, blocked.state) == ("success", "failed")
    assert blocked.observed.errors == {"count_runs": NOT_ALLOWED}
    assert load_dag(dag_file, "opens_a_session").dag_id == "opens_a_session"


@pytest.mark.usefixtures("metadata_database")
def test_the_engine_is_blocked_too(dag_file: Path) -> None:
    """A worker has no `settings.engine`."""
    run = run_dag(dag_file, dag_id="takes_the_engine")
    assert run.observed.errors == {"connect": "AttributeError: Access to the Airflow Metadatabase from dags is not allowed!"}
