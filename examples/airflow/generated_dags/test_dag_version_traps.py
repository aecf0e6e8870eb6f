"""When a value that changes at each parse makes a new version of a DAG, and when it only overwrites the last one."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow import settings
from airflow.dag_processing.dagbag import DagBag
from airflow.models.dag_version import DagVersion
from airflow.utils.dag_version_inflation_checker import check_dag_file_stability
from run_dag import run_dag
from scheduler_steps import register_dag_file
from sqlalchemy import select

CHANGING, FIXED = "generated_dags_changing", "generated_dags_fixed"
FILE = f"""
from uuid import uuid4
from airflow.sdk import DAG, task

for dag_id, value in {{"{CHANGING}": uuid4(), "{FIXED}": "1"}}.items():
    with DAG(dag_id):
        task(task_id="load", doc_md=str(value))(lambda: 1)()
"""


def versions() -> dict[str, int]:
    """How many versions each DAG has."""
    rows = settings.Session().scalars(select(DagVersion).order_by(DagVersion.version_number))
    return {row.dag_id: row.version_number for row in rows}


@pytest.mark.usefixtures("metadata_database")
def test_trap_each_run_is_followed_by_a_new_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version without a run is overwritten; after a run the next parse makes another, though nobody changed the file."""
    monkeypatch.setenv("AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "0")  # 30 seconds by default
    file = tmp_path / "dag.py"
    file.write_text(FILE)
    for _ in range(3):
        register_dag_file(file)
    unused = versions()
    for _ in range(2):
        for dag_id in (CHANGING, FIXED):
            run_dag(file, dag_id=dag_id)
    register_dag_file(file)
    assert unused == {CHANGING: 1, FIXED: 1}
    assert versions() == {CHANGING: 3, FIXED: 1}


IN_DAG = "dag = DAG('generated_dags_checked', description=str({value}))"
IN_OPERATOR = "with DAG('generated_dags_checked'):\n    EmptyOperator(task_id='load', doc_md=str({value}))"
IN_TASK = "with DAG('generated_dags_checked'):\n    task(task_id='load', doc_md=str({value}))(lambda: 1)()"


@pytest.mark.parametrize(
    ("form", "value", "found"),
    [
        (IN_DAG, "datetime.now()", True),
        (IN_OPERATOR, "uuid4()", True),
        (IN_TASK, "uuid4()", False),
        (IN_DAG, "{'bern', 'oslo'}", False),
        (IN_DAG, "datetime(2026, 3, 4)", False),
    ],
)
def test_trap_no_dag_bag_shows_what_the_level_error_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, value: str, found: bool
) -> None:
    """The dag-processor alone asks this check, and it passes over the arguments of a `@task` and the order of a set."""
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL", "error")
    imports = "from datetime import datetime\nfrom uuid import uuid4\nfrom airflow.sdk import DAG, task\n"
    operator = "from airflow.providers.standard.operators.empty import EmptyOperator\n"
    file = tmp_path / "dag.py"
    file.write_text(f"{imports}{operator}{form.format(value=value)}\n")
    bag = DagBag(file)
    assert (list(bag.dags), bag.import_errors) == (["generated_dags_checked"], {})
    assert bool(check_dag_file_stability(file).get_error_format_dict(file, tmp_path)) == found
