"""A worker that knows the API's address and a secret runs the task of its queue; it has neither database nor broker."""

from __future__ import annotations

from pathlib import Path

import airflow_processes
import live_airflow
import pytest
from airflow_processes import end_trees, environment_for, start_component
from live_airflow import running_airflow
from run_dag import run_dag

EDGE = "airflow.providers.edge3.executors.EdgeExecutor"


@pytest.mark.slow
def test_the_task_of_the_queue_runs_on_the_worker(
    tmp_path: Path, metadata_template: Path, dag_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other task runs beside the scheduler, in the same run."""
    monkeypatch.setattr(airflow_processes, "SETTINGS", airflow_processes.SETTINGS | {"CORE__EXECUTOR": f"LocalExecutor,{EDGE}"})

    def environment(home: Path, port: int) -> dict[str, str]:
        edge = {"API_ENABLED": "True", "API_URL": f"http://127.0.0.1:{port}/edge_worker/v1/rpcapi"}
        own = {f"AIRFLOW__EDGE__{name}": value for name, value in edge.items()}
        return environment_for(home, port) | own | {"SHOP_EDGE_EXECUTOR": EDGE}

    monkeypatch.setattr(live_airflow, "environment_for", environment)
    (tmp_path / "home").mkdir()
    with running_airflow(tmp_path / "home", metadata_template) as airflow:
        kept_back = ("AIRFLOW__DATABASE__", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY")
        far = {name: value for name, value in airflow.environment.items() if not name.startswith(kept_back)}
        far |= {"SHOP_MACHINE": "the till in Bern", "AIRFLOW_HOME": str(tmp_path / "edge")}
        (tmp_path / "edge").mkdir()
        options = ("worker", "--edge-hostname", "till-bern", "--queues", "bern", "--concurrency", "1")
        worker = start_component("edge", airflow.home, far, *options)
        try:
            airflow.add_dag_file("dag.py", dag_file.read_text(), "edge_executor_count")
            run = airflow.trigger("edge_executor_count")
            assert airflow.wait_for_run("edge_executor_count", run) == (run, "success"), airflow.log_end("edge")
            assert airflow.xcom("edge_executor_count", run, "report") == ["the till in Bern", "this machine"]
        finally:
            end_trees([worker])


@pytest.mark.usefixtures("metadata_database")
def test_without_the_deployments_executor_the_dag_runs_in_one_process(dag_file: Path) -> None:
    """As in every other test."""
    assert run_dag(dag_file).xcoms["report"] == ["this machine"] * 2
