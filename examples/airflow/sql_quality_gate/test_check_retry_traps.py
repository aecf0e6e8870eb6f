"""A check that failed is asked again about the same rows."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.providers.common.sql.operators.sql import SQLCheckOperator
from airflow.sdk import DAG
from run_dag import run_dag

TRAPS = Path(__file__)
RETRIES = {"conn_id": "shop", "retries": 2, "retry_delay": timedelta(minutes=1)}

with DAG("sql_quality_gate_retries", default_args=RETRIES):
    SQLCheckOperator(task_id="asks_again", sql="SELECT false")
    SQLCheckOperator(task_id="asks_once", sql="SELECT false", retry_on_failure=False)


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_failed_check_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries for bad rows that stay bad, unless `retry_on_failure=False`."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "duckdb", "host": str(tmp_path / "shop.duckdb")}))
    run = run_dag(TRAPS, dag_id="sql_quality_gate_retries")
    assert (run.state, run.tries) == ("failed", {"asks_again": 3, "asks_once": 1})
