"""`research.py drift`: stale forms of a project with their line, what they give on the installed version, the current form."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from research_protocol.drift import answer_drift, find_hits, find_ruff
from research_protocol.drift_ledger import Row, read_ledger
from research_protocol.model import CannotLookError
from research_protocol.project_files import list_files
from test_research_environment import make_environment


def a_row(row_id: str, *matches: dict[str, Any], tool: str = "airflow", since: str = "3.0") -> Row:
    return Row(row_id, tool, "import", row_id, since, "error", "current", "", "", matches)


def hits(folder: Path, code: str, *rows: Row, name: str = "code.py") -> list[tuple[int, str]]:
    (folder / name).write_text(textwrap.dedent(code).lstrip("\n"))
    found, _ = find_hits(list_files(folder / name), list(rows))
    return sorted((line, row) for _, line, row in found)


def test_a_module_covers_what_is_below_it_under_any_alias(tmp_path: Path) -> None:
    """Told once where it is imported by name, and at each use where it is dotted into."""
    code = """
    from airflow.operators.dummy import DummyOperator as Dummy
    import airflow.operators.dummy as d
    from airflow.operators.dummy_other import X
    import airflow
    Dummy(task_id="a")
    airflow.operators.dummy.DummyOperator(task_id="b")
    """
    assert hits(tmp_path, code, a_row("dummy", {"name": "airflow.operators.dummy"})) == [(1, "dummy"), (2, "dummy"), (6, "dummy")]


def test_a_keyword_counts_on_the_right_call_only(tmp_path: Path) -> None:
    """The same keyword of another function is none; a value narrows it; the line is the keyword's."""
    code = """
    from airflow import DAG as Graph
    from airflow.sdk import dag

    def DAG(schedule_interval): ...
    DAG(schedule_interval="@daily")
    Graph(
        "x",
        schedule_interval="@daily",
    )
    @dag(schedule_interval=None)
    def shop(): ...
    """
    keyword = {"call": ["airflow*.DAG", "airflow*.dag"], "keyword": "schedule_interval"}
    assert hits(tmp_path, code, a_row("interval", keyword)) == [(8, "interval"), (10, "interval")]
    assert hits(tmp_path, code, a_row("daily", keyword | {"value": "@daily"})) == [(8, "daily")]


def test_an_attribute_counts_on_instances_only(tmp_path: Path) -> None:
    """By annotation, by Dagster's unannotated context, by what a call returned, by what decorates a function."""
    code = """
    import dagster as dg
    from prefect import flow

    @dg.asset
    def one(context): return context.run_id
    @dg.op
    def two(context): return context.run_id
    def three(given: dg.AssetExecutionContext): return given.run_id
    def four(context): return other.run_id

    @flow
    def load(): ...
    load.map([1])
    print([].map)
    defs = dg.Definitions()
    defs.run_id
    """
    rows = [
        a_row("run-id", {"on": "dagster.AssetExecutionContext", "attribute": "run_id"}),
        a_row("op-run-id", {"on": "dagster.OpExecutionContext", "attribute": "run_id"}),
        a_row("flow-map", {"on": "prefect.flow", "attribute": "map"}),
        a_row("defs", {"on": "dagster.Definitions", "attribute": "run_id"}),
    ]
    assert hits(tmp_path, code, *rows) == [(5, "run-id"), (7, "op-run-id"), (8, "run-id"), (13, "flow-map"), (16, "defs")]


def test_templates_contexts_and_parameters_name_the_same_key(tmp_path: Path) -> None:
    """In braces of a string, as key of a context, as parameter of a task; elsewhere the word means nothing."""
    code = '''
    from airflow.sdk import get_current_context, task
    bash = """
      echo {{ execution_date | ds }} {{ params.execution_date }}
    """
    text = "execution_date"
    @task
    def load(execution_date=None, **context):
        context["execution_date"], get_current_context()["execution_date"]
        context.get("execution_date")
        {}["execution_date"]
    def plain(execution_date): ...
    '''
    row = a_row("date", {"template": "execution_date"})
    assert hits(tmp_path, code, row) == [(3, "date"), (7, "date"), (8, "date"), (9, "date")]
    assert hits(tmp_path, "import dagster\nx = '{{ execution_date }}'\n", row) == []


def test_a_decorator_may_stand_in_the_wrong_place(tmp_path: Path) -> None:
    """Directly on the function it is stale, above the other it is right."""
    code = """
    from airflow.sdk import task

    @task
    @task.skip_if(lambda context: True)
    def wrong(): ...

    @task.skip_if(lambda context: True)
    @task
    def right(): ...
    """
    assert hits(tmp_path, code, a_row("skip", {"decorator": "airflow*.task.skip_if", "place": "innermost"})) == [(4, "skip")]


def test_positional_arguments_are_counted(tmp_path: Path) -> None:
    """A call with fewer is none."""
    code = "import prefect\nprefect.serve(1)\nprefect.serve(1, 2)\n"
    assert hits(tmp_path, code, a_row("two", {"call": "prefect.serve", "argument": 2})) == [(3, "two")]


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("run.sh", "# airflow db init\nairflow   db init\nairflow db initialise\nexport OLD_NAME=1\n", [2, 4]),
        ("Dockerfile", "RUN true && airflow db init\nENV OLD_NAME=2\n", [1, 2]),
        ("ci.yml", "- run: airflow users create --role Admin\n- run: airflow users list\n", [1]),
        ("notes.md", "airflow db init\n", []),
    ],
)
def test_commands_and_settings_are_found_in_scripts_and_settings(tmp_path: Path, name: str, text: str, lines: list[int]) -> None:
    """Words on one line, in any spacing; comments and prose do not count."""
    rows = [
        a_row("init", {"command": "airflow db init"}),
        a_row("users", {"command": "airflow users ... --role"}),
        a_row("old", {"setting": "OLD_NAME"}),
    ]
    assert [line for line, _ in hits(tmp_path, text, *rows, name=name)] == lines


def test_settings_are_found_in_strings_of_python(tmp_path: Path) -> None:
    """A variable is set from Python too."""
    assert hits(tmp_path, "import os, dagster\nos.environ['OLD_NAME'] = '1'\n", a_row("old", {"setting": "OLD_NAME"})) == [
        (2, "old")
    ]


def write_project(folder: Path, airflow: str) -> Path:
    make_environment(folder / ".venv", {"apache-airflow": airflow})
    (folder / "dag.py").write_text('from airflow import DAG\n\nDAG("x", schedule_interval="@daily")\n')
    (folder / "broken.py").write_text("from airflow import (\n")
    return folder


def test_a_stale_form_is_told_with_error_and_current_form(tmp_path: Path) -> None:
    """Exit code 1; a file that cannot be parsed is told and does not stop it."""
    answer = answer_drift(write_project(tmp_path, "3.3.2"), None)
    stale = next(one for one in answer.data["stale"] if one["id"] == "airflow-schedule-interval")
    assert (stale["path"], stale["line"], stale["stands"], answer.code) == ("dag.py", 3, "stale", 1)
    assert "unexpected keyword argument 'schedule_interval'" in stale["error"]
    assert stale["current"] == "DAG(schedule=...)"
    assert [(one["path"], one["line"]) for one in answer.data["unread"]] == [("broken.py", 1)]


def test_a_form_that_goes_stale_later_is_no_failure_yet(tmp_path: Path) -> None:
    """On Airflow 2 the old forms are the right ones: they are listed, with the version that ends them, and exit code 0."""
    answer = answer_drift(write_project(tmp_path, "2.10.5"), None)
    assert {one["stands"] for one in answer.data["stale"]} == {"not yet"}
    assert answer.code == 0
    assert any("not yet on the installed version; stale since 3.0" in line for line in answer.lines)


def test_rules_of_ruff_add_what_the_ledger_does_not_know(tmp_path: Path) -> None:
    """ruff beside the interpreter is asked; a line that the ledger has told is not told twice."""
    project = write_project(tmp_path, "3.3.2")
    ours = find_ruff("")
    assert ours is not None
    (project / ".venv" / "bin" / "ruff").symlink_to(ours)
    code = "from airflow.sensors.filesystem import FileSensor\n\nFileSensor(task_id='x')\n"
    (project / "sensor.py").write_text(code)
    answer = answer_drift(project, None)
    by_ruff = [one for one in answer.data["stale"] if one["id"].startswith("ruff AIR")]
    assert answer.data["ruff"] == str(project / ".venv" / "bin" / "ruff")
    assert {one["path"] for one in by_ruff} == {"sensor.py"}
    places = [(one["path"], one["line"]) for one in answer.data["stale"]]
    assert len(places) == len(set(places))


def test_a_current_project_is_clean(tmp_path: Path) -> None:
    """Nothing stale has exit code 0, and the answer says what else can be asked."""
    (tmp_path / "dag.py").write_text('from airflow.sdk import DAG\n\nDAG("x", schedule="@daily")\n')
    answer = answer_drift(tmp_path, None)
    assert (answer.data["stale"], answer.code) == ([], 0)
    assert answer.lines[-1].startswith("no stale form found")


def test_a_missing_or_broken_ledger_is_told(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(CannotLookError, match="the drift ledger is missing"):
        read_ledger(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(CannotLookError, match=r"broken.json: not JSON"):
        read_ledger(tmp_path / "broken.json")
    (tmp_path / "empty.json").write_text(json.dumps([]))
    assert read_ledger(tmp_path / "empty.json") == []
