"""Where a password shows in clear although Airflow masks secrets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from airflow.sdk import DAG, Connection, Variable, task
from run_dag import run_dag

TRAPS = Path(__file__)
TOKEN = "tok-7f3a9c51e2"


@dataclass(frozen=True)
class Till:
    """What a task may pass on: its text has no token."""

    url: str
    token: str = field(repr=False)


with DAG("resources_and_secrets_shown"):

    @task
    def show_connection() -> str:
        print("connection:", Connection.get("till"))
        return str(Connection.get("till"))

    @task
    def show_till() -> str:
        connection = Connection.get("till")
        return str(Till(connection.host, connection.password))

    @task
    def show_short() -> None:
        print("short:", Connection.get("short").password)

    show_connection(), show_till(), show_short()

with DAG("resources_and_secrets_default"):
    task(task_id="old")(lambda: Variable.get("limit", default_var=3))()
    task(task_id="new")(lambda: Variable.get("limit", default=3))()


def keep(monkeypatch: pytest.MonkeyPatch, name: str, password: str) -> None:
    """Give the worker a connection."""
    connection = {"conn_type": "http", "host": "http://till", "password": password}
    monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))


@pytest.mark.usefixtures("metadata_database")
def test_trap_the_text_of_a_connection_holds_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has stars, the XCom the token; an object of the project's own keeps it out of its text."""
    keep(monkeypatch, "TILL", TOKEN)
    keep(monkeypatch, "SHORT", "1234")
    run = run_dag(TRAPS, dag_id="resources_and_secrets_shown")
    log = "\n".join(line for line in run.observed.log if line.startswith("connection:"))
    assert ("password='***'" in log, TOKEN in log) == (True, False)
    assert (TOKEN in run.xcoms["show_connection"], run.xcoms["show_till"]) == (True, "Till(url='http://till')")


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(("password", "shown"), [("1234", "short: 1234"), ("12345", "short: ***")])
def test_trap_a_password_of_four_characters_is_not_masked(monkeypatch: pytest.MonkeyPatch, password: str, shown: str) -> None:
    """Five are."""
    keep(monkeypatch, "TILL", TOKEN)
    keep(monkeypatch, "SHORT", password)
    assert shown in run_dag(TRAPS, dag_id="resources_and_secrets_shown").observed.log


@pytest.mark.usefixtures("metadata_database")
def test_the_default_of_a_variable_has_a_new_name() -> None:
    """`default_var=` fails at run time only."""
    run = run_dag(TRAPS, dag_id="resources_and_secrets_default")
    assert run.observed.errors["old"].startswith("TypeError: Variable.get() got an unexpected keyword argument 'default_var'")
    assert run.xcoms == {"new": 3}
