"""What a task's log would hold is masked as Airflow masks it, no more and no less."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk import DAG, Connection, task
from run_dag import run_dag

TOKEN = "tok-7f3a9c51e2"

with DAG("prints_a_token") as prints_a_token:

    @task
    def show() -> None:
        import logging

        connection = Connection.get("shop_api")
        print(f"printed {connection.password}")
        logging.getLogger("shop").info("logged %s", connection.password)
        raise ValueError(f"raised {connection.password}")

    show()

with DAG("builds_a_token") as builds_a_token:

    @task
    def leak() -> str:
        import os

        print(f"printed {os.environ['SHOP_TOKEN']}")
        return os.environ["SHOP_TOKEN"]

    leak()


@pytest.mark.usefixtures("metadata_database")
def test_a_connections_password_is_masked_in_every_kind_of_line(dag_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Printed, logged and raised: each line is there, and none holds the token."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", json.dumps({"conn_type": "http", "password": TOKEN}))
    log = "\n".join(run_dag(dag_file, dag_id="prints_a_token").observed.log)
    assert [f"{word} ***" in log for word in ("printed", "logged", "raised")] == [True] * 3
    assert TOKEN not in log


@pytest.mark.usefixtures("metadata_database")
def test_a_secret_that_airflow_does_not_know_stays_readable(dag_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when an earlier run of this process knew it: secrets are forgotten between runs. XComs never mask."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", json.dumps({"conn_type": "http", "password": TOKEN}))
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    run_dag(dag_file, dag_id="prints_a_token")
    run = run_dag(dag_file, dag_id="builds_a_token")
    assert f"printed {TOKEN}" in "\n".join(run.observed.log)
    assert run.xcoms == {"leak": TOKEN}
