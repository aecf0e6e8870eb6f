"""What ruff's rules for Airflow mend in an Airflow 2 file, what they leave, and what they do not see."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

AIRFLOW_2 = Path(__file__).parent / "migration_airflow_2" / "orders_dag.py"
RUFF = [Path(sys.executable).with_name("ruff"), "check", "--isolated", "--no-cache", "--preview", "--select", "AIR"]
UNSEEN = {
    "template": "from airflow.sdk import DAG\nDAG('a', schedule=None, description='{{ execution_date }} {{ next_ds }}')\n",
    "database": "from airflow.utils.session import create_session\nwith create_session() as session:\n    session.query(1)\n",
    "sla": "from airflow.sdk import DAG\nDAG('a', schedule=None, default_args={'sla': 1})\n",
    "gone from a provider": (
        "from airflow.providers.snowflake.operators.snowflake import SnowflakeOperator\nSnowflakeOperator(task_id='a', sql='b')\n"
    ),
    "unused import": "from airflow.operators.dummy import DummyOperator\n",
    "callable": (
        "from airflow.providers.standard.operators.python import PythonOperator\n"
        "def load(execution_date): ...\n"
        "load_orders = PythonOperator(task_id='load_orders', python_callable=load)\n"
    ),
}
SEEN = {
    "task": "from airflow.sdk import task\n@task\ndef load(execution_date): ...\n",
    "import": "from airflow.operators.dummy import DummyOperator\nload = DummyOperator(task_id='load')\n",
}


def find(file: Path, source: str) -> list[str]:
    """The codes of what ruff finds."""
    file.write_text(source)
    done = subprocess.run([*RUFF, "--output-format", "json", file], capture_output=True, text=True)
    return sorted(finding["code"] for finding in json.loads(done.stdout))


def fix(folder: Path, *options: str) -> str:
    """The Airflow 2 file after ruff's fixes."""
    file = Path(shutil.copy(AIRFLOW_2, folder))
    subprocess.run([*RUFF, "--fix", "--unsafe-fixes", *options, file], capture_output=True)
    return file.read_text()


def test_the_fixes_mend_names_and_leave_what_needs_a_decision(tmp_path: Path) -> None:
    """`default_var=` is mended too; AIR001, a name that is not its task's id, is no matter of the version."""
    source = fix(tmp_path)
    assert [
        name for name in ("Dataset(", "schedule_interval", "concurrency", "default_var", "DummyOperator(") if name in source
    ] == []
    left = ("days_ago", "provide_context", "SubDagOperator", "provide_session", "execution_date", "next_ds", '"sla"')
    assert [name for name in left if name not in source] == []
    assert set(find(tmp_path / "orders.py", source)) == {"AIR001", "AIR003", "AIR301"}


def test_trap_the_fixes_leave_the_imports_that_fail(tmp_path: Path) -> None:
    """Nothing uses them any more, so no rule for Airflow has a finding; F401 takes them out."""
    gone = ("from airflow.datasets import", "from airflow.operators.dummy import")
    assert [line in fix(tmp_path) for line in gone] == [True, True]
    assert [line in fix(tmp_path, "--extend-select", "F401") for line in gone] == [False, False]


@pytest.mark.parametrize("case", UNSEEN)
def test_trap_ruff_has_no_finding(tmp_path: Path, case: str) -> None:
    """And each of these fails or does nothing in Airflow 3."""
    assert find(tmp_path / "orders.py", UNSEEN[case]) == []


@pytest.mark.parametrize("case", SEEN)
def test_ruff_has_a_finding_beside_it(tmp_path: Path, case: str) -> None:
    """A removed key as a parameter of a `@task`, a removed class that is used."""
    assert len(find(tmp_path / "orders.py", SEEN[case])) == 1
