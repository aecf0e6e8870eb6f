"""Outputs cross from Bash to an operator to Python; what an `__init__` must not do loses a dependency without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, BaseOperator, task
from run_dag import load_dag, run_dag

TRAPS = Path(__file__)


class Shown(BaseOperator):
    """Stores and returns: the right form."""

    template_fields = ("path",)

    def __init__(self, *, path: Any, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    def execute(self, context: Any) -> str:
        return self.path


class FormatsEarly(Shown):
    """Puts the other task's output into a string: the dependency is gone."""

    def __init__(self, *, path: Any, **options: Any) -> None:
        super().__init__(path=f"{path}/orders", **options)


class ChangesEarly(Shown):
    """Works on a template before it is rendered."""

    def __init__(self, *, path: str, **options: Any) -> None:
        super().__init__(path=path.upper(), **options)


class RenamesField(BaseOperator):
    """Has a template field that is no attribute."""

    template_fields = ("path",)

    def __init__(self, *, path: str, **options: Any) -> None:
        super().__init__(**options)
        self.folder = path

    def execute(self, context: Any) -> None: ...


with DAG("classic_operators_init", params={"day": "monday"}):
    found = task(task_id="source")(lambda: "landing")()
    Shown(task_id="stored", path=found)
    FormatsEarly(task_id="formatted", path=found)
    ChangesEarly(task_id="changed", path="{{ params.day }}")
    RenamesField(task_id="renamed", path="x")

with DAG("classic_operators_bash", params={"file": "a.csv; echo injected"}):
    BashOperator(task_id="env_alone", bash_command='echo "$A${HOME:-none}"', env={"A": "a-"})
    BashOperator(task_id="env_appended", bash_command='echo "$A${HOME:+home}"', env={"A": "a-"}, append_env=True)
    BashOperator(task_id="hidden_failure", bash_command="false | cat\nfalse\necho done")
    BashOperator(task_id="strict", bash_command="set -euo pipefail\nfalse | cat\necho done")
    BashOperator(task_id="in_command", bash_command="echo {{ params.file }}")
    BashOperator(task_id="in_variable", bash_command='echo "$FILE"', env={"FILE": "{{ params.file }}"})
    BashOperator(task_id="last_line", bash_command="echo one; echo two")
    BashOperator(task_id="json", bash_command="""echo '{"a": 1}'""", output_processor=json.loads)
    BashOperator(task_id="script", bash_command="count.sh")
    BashOperator(task_id="script_with_space", bash_command="true count.sh ")


@pytest.mark.usefixtures("metadata_database")
def test_the_count_crosses_three_kinds_of_tasks(dag_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bash prints it, the operator checks it and asks the hook, the Python task has both."""
    assert run_dag(dag_file).xcoms["report"] == "orders.csv: 3 orders at http://localhost"
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_SERVICE", json.dumps({"conn_type": "http", "host": "http://shop"}))
    assert run_dag(dag_file).xcoms["check_count"] == {"orders": 3, "reported_to": "http://shop"}


@pytest.mark.usefixtures("metadata_database")
def test_a_missing_file_skips_and_its_name_is_no_code(dag_file: Path, tmp_path: Path) -> None:
    """Exit code 99 skips the task, and by the default rule all that follows; nothing in the name is run."""
    run = run_dag(dag_file, conf={"file": f"x; touch {tmp_path}/injected"})
    assert (run.state, set(run.task_states.values()), list(tmp_path.glob("injected"))) == ("success", {"skipped"}, [])


@pytest.mark.usefixtures("metadata_database")
def test_trap_an_output_in_a_string_is_no_dependency() -> None:
    """`f"{path}/orders"` runs whenever it likes, here too early; upper() breaks a template; a lost field fails late."""
    upstream = {
        name: load_dag(TRAPS, "classic_operators_init").get_task(name).upstream_task_ids for name in ("stored", "formatted")
    }
    assert upstream == {"stored": {"source"}, "formatted": set()}
    run = run_dag(TRAPS, dag_id="classic_operators_init")
    assert (run.xcoms["stored"], run.xcoms["formatted"]) == ("landing", "None/orders")
    assert run.observed.errors == {
        "changed": "UndefinedError: 'PARAMS' is undefined",
        "renamed": "AttributeError: 'path' is configured as a template field but RenamesField does not have this attribute.",
    }


@pytest.mark.usefixtures("metadata_database")
def test_trap_what_bash_does_without_being_told() -> None:
    """env replaces the environment; only the last exit code counts and only the last line is returned; params are code."""
    run = run_dag(TRAPS, dag_id="classic_operators_bash")
    assert (run.xcoms["env_alone"], run.xcoms["env_appended"]) == ("a-none", "a-home")
    assert (run.task_states["hidden_failure"], run.task_states["strict"]) == ("success", "failed")
    assert (run.xcoms["in_command"], run.xcoms["in_variable"]) == ("injected", "a.csv; echo injected")
    assert (run.xcoms["last_line"], run.xcoms["json"]) == ("two", {"a": 1})
    assert run.task_states["script_with_space"] == "success"
    assert run.observed.errors["script"].startswith("TemplateNotFound: 'count.sh' not found in search path")
