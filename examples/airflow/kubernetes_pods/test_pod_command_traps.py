"""Forms of `executor_config` that a Kubernetes executor refuses or drops, and the command that wants a date."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.cli.cli_parser import get_parser
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.sdk import DAG, task
from dag_files import dag_file_as_bundle, register_dag_file
from run_dag import run_dag

TRAPS = Path(__file__)
OF_AIRFLOW_1 = {"KubernetesExecutor": {"request_memory": "2Gi"}}

with DAG("pod_forms"):
    task(task_id="old_form", executor_config=OF_AIRFLOW_1)(lambda: 1)()
    task(task_id="misspelt", executor_config={"pod_overide": None})(lambda: 1)()


@pytest.mark.usefixtures("metadata_database")
def test_trap_other_executors_run_what_a_kubernetes_executor_refuses() -> None:
    """Green everywhere else; there the one is an error at the start of each task, the other a pod without the memory."""
    assert run_dag(TRAPS, dag_id="pod_forms").state == "success"
    with pytest.raises(TypeError, match="Cannot convert a non-kubernetes"):
        PodGenerator.from_obj(OF_AIRFLOW_1)
    assert PodGenerator.from_obj({"pod_overide": None}) is None


@pytest.mark.usefixtures("metadata_database")
def test_the_command_that_writes_pods_needs_a_date(dag_file: Path, tmp_path: Path) -> None:
    """Its own error says nothing of it."""
    register_dag_file(dag_file)
    command = ["kubernetes", "generate-dag-yaml", "kubernetes_pods_train", "-o", str(tmp_path)]
    with dag_file_as_bundle(dag_file):
        arguments = get_parser().parse_args(command)
        with pytest.raises(AttributeError, match="'NoneType' object has no attribute"):
            arguments.func(arguments)
