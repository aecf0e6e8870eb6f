"""A bad value starts no run; a good one reaches the task with its type, whoever starts the run."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from urllib.error import HTTPError

import pytest
from live_airflow import LiveAirflow
from run_dag import load_dag, run_dag

EXPORT = "params_and_config_export"
FORM = """
from airflow.sdk import DAG, Param, task

with DAG("params_and_config_text", params={"limit": Param(3, type="integer")}):
    task(task_id="kind")(lambda limit: type(limit).__name__)("{{ params.limit }}")

with DAG("params_and_config_conf", params={"limit": Param(3, type="integer")}):
    task(task_id="seen")(lambda params=None, dag_run=None: [dict(params), dag_run.conf])()
"""


@pytest.fixture
def forms(tmp_path: Path) -> Path:
    """A DAG file with the forms that go wrong."""
    path = tmp_path / "forms.py"
    path.write_text(FORM)
    return path


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(
    ("conf", "refusal"),
    [
        ({"limit": 0}, "less than the minimum of 1"),
        ({"limit": "2"}, "not of type 'integer'"),
        ({"channel": "fair"}, "not one of"),
        ({"since": "02.03.2026"}, "is not a 'date'"),
    ],
)
def test_a_bad_value_starts_no_run(dag_file: Path, conf: dict[str, object], refusal: str) -> None:
    """Bounds, types, choices and formats."""
    with pytest.raises(Exception, match=refusal):
        run_dag(dag_file, conf=conf)


@pytest.mark.usefixtures("metadata_database")
def test_a_good_value_reaches_the_task_as_a_number(dag_file: Path) -> None:
    """Through the template as well."""
    assert run_dag(dag_file, conf={"limit": 2, "since": "2026-03-02"}).xcoms == {"select": [[1, 1250], [3, 700]]}


@pytest.mark.usefixtures("metadata_database")
def test_silent_a_template_makes_text_of_a_number_unless_native(forms: Path) -> None:
    """`render_template_as_native_obj` is what the pattern sets."""
    assert run_dag(forms, dag_id="params_and_config_text", conf={"limit": 2}).xcoms == {"kind": "str"}


@pytest.mark.usefixtures("metadata_database")
def test_silent_a_misspelt_key_is_accepted_and_does_nothing(forms: Path) -> None:
    """Only declared params are checked."""
    run = run_dag(forms, dag_id="params_and_config_conf", conf={"limt": 1})
    assert run.xcoms == {"seen": [{"limit": 3, "limt": 1}, {"limt": 1}]}


def test_a_schedule_needs_a_default_for_every_param(tmp_path: Path) -> None:
    """The file does not import."""
    path = tmp_path / "required.py"
    required = 'DAG("params_and_config_required", schedule="@daily", params={"n": Param(type="integer")})'
    path.write_text(f"from airflow.sdk import DAG, Param\n{required}\n")
    with pytest.raises(Exception, match="required params without default"):
        load_dag(path)


@pytest.mark.slow
def test_the_api_starts_checked_runs(live_airflow: LiveAirflow, dag_file: Path) -> None:
    """`logical_date` must be in the body, null or not; a bad value is refused; a run id makes a repeated request harmless."""
    live_airflow.add_dag_file("export.py", dag_file.read_text(), EXPORT)
    live_airflow.call("PATCH", f"dags/{EXPORT}", {"is_paused": False})
    path = f"dags/{EXPORT}/dagRuns"
    with pytest.raises(RuntimeError, match=r"422 .*logical_date.*[Ff]ield required"):
        live_airflow.call("POST", path, {"conf": {"limit": 2}})
    with pytest.raises(RuntimeError, match=r"400 .*less than the minimum of 1"):
        live_airflow.call("POST", path, {"logical_date": None, "conf": {"limit": 0}})
    start_export = runpy.run_path(str(dag_file.with_name("start_run.py")))["start_export"]
    password = json.loads((live_airflow.home / "passwords.json").read_text())["admin"]
    assert start_export(live_airflow.url, password, "order-4711") == "order-4711"
    with pytest.raises(HTTPError, match="409"):
        start_export(live_airflow.url, password, "order-4711")
    dated = {"logical_date": "2026-03-02T00:00:00Z"}
    live_airflow.call("POST", path, dated | {"dag_run_id": "first"})
    with pytest.raises(RuntimeError, match="409"):
        live_airflow.call("POST", path, dated | {"dag_run_id": "second"})
    assert live_airflow.wait_for_run(EXPORT, "order-4711") == ("order-4711", "success")
    assert live_airflow.xcom(EXPORT, "order-4711", "select") == [[1, 1250], [3, 700]]
    shown = live_airflow.call("GET", f"dags/{EXPORT}/details")["params"]["limit"]
    assert (shown["value"], shown["schema"]["title"], shown["schema"]["minimum"]) == (3, "How many orders", 1)
