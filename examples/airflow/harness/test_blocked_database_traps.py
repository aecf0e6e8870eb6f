"""What the harness's block of the metadata database lets pass."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest
from airflow.sdk import DAG, task
from run_dag import run_dag

with DAG("goes_around_the_block"):

    @task
    def opens_in_a_thread() -> list[str]:
        opened: list[str] = []

        def open_session() -> None:
            from airflow.utils.session import create_session

            with create_session():
                opened.append("opened")

        thread = Thread(target=open_session)
        thread.start()
        thread.join()
        return opened

    @task
    def makes_an_engine() -> int:
        from sqlalchemy import create_engine, text

        with create_engine(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).connect() as connection:
            return connection.execute(text("SELECT count(*) FROM dag")).scalar()

    @task
    def opens_a_session() -> None:
        from airflow.utils.session import create_session

        with create_session():
            pass

    opens_in_a_thread(), makes_an_engine(), opens_a_session()


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_thread_and_an_engine_of_its_own_are_not_blocked(dag_file: Path) -> None:
    """A worker refuses the first and not the second."""
    run = run_dag(dag_file, dag_id="goes_around_the_block")
    assert run.xcoms == {"opens_in_a_thread": ["opened"], "makes_an_engine": 1}
    assert run.observed.errors["opens_a_session"].startswith("RuntimeError: Direct database access via the ORM")
