"""What a pod gets, and what Kubernetes' client and Airflow drop on the way without a word."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from dag_files import load_dag
from kubernetes.client import models as k8s
from run_dag import run_dag

HERE = Path(__file__).parent


def load(name: str) -> ModuleType:
    """A module beside this file."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


unknown_fields = load("pod_fields").unknown_fields


@pytest.fixture
def template() -> dict:
    """The template file of all tasks, as it is written."""
    return yaml.safe_load((HERE / "pod_template.yaml").read_text())


def test_the_override_and_the_template_make_one_pod(metadata_database: Path, dag_file: Path, template: dict) -> None:
    """Memory from the task, image and volume from the file; and the DAG runs with any executor."""
    override = PodGenerator.from_obj(load_dag(dag_file).get_task("train").executor_config)
    pod = PodGenerator.reconcile_pods(PodGenerator.deserialize_model_dict(template), override)
    (container,) = pod.spec.containers
    assert (container.image, container.resources.limits) == ("registry.shop.example/orders:2026.3", {"memory": "8Gi"})
    assert (container.volume_mounts[0].mount_path, pod.spec.node_selector) == ("/files", {"size": "large"})
    assert run_dag(dag_file).state == "success"


def test_the_template_has_only_fields_that_kubernetes_knows(template: dict) -> None:
    """Every level: pod, containers, mounts, volumes."""
    assert unknown_fields(template) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda pod: pod["spec"].update(nodeSelecter={"size": "large"}), "spec.nodeSelecter"),
        (lambda pod: pod["spec"]["containers"][0].update(resource={"limits": {}}), "spec.containers[0].resource"),
        (
            lambda pod: pod["spec"]["containers"][0]["volumeMounts"][0].update(readonly=True),
            "spec.containers[0].volumeMounts[0].readonly",
        ),
        (lambda pod: pod["spec"]["volumes"][0].update(pvc={}), "spec.volumes[0].pvc"),
    ],
)
def test_trap_a_misspelt_field_is_dropped_and_the_fields_tell(template: dict, change, path: str) -> None:
    """The client makes a pod of it without the field; the comparison with its types names the path."""
    change(template)
    assert PodGenerator.deserialize_model_dict(template).spec.containers[0].image == "registry.shop.example/orders:2026.3"
    assert unknown_fields(template) == [path]


def test_a_model_refuses_what_a_dictionary_swallows() -> None:
    """So write overrides as models."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'limit'"):
        k8s.V1ResourceRequirements(limit={"memory": "8Gi"})
    assert PodGenerator.from_obj({"pod_overide": k8s.V1Pod()}) is None


ASK = """
from airflow.executors.executor_loader import ExecutorLoader
print("EXECUTORS", *[name.alias or name.module_path.rpartition(".")[2] for name in ExecutorLoader.get_executor_names()])
"""


@pytest.mark.parametrize(
    ("executors", "names"),
    [
        ("LocalExecutor,CeleryExecutor", ["LocalExecutor", "CeleryExecutor"]),
        (
            "LocalExecutor,heavy:airflow.providers.cncf.kubernetes.executors.kubernetes_executor.KubernetesExecutor",
            ["LocalExecutor", "heavy"],
        ),
        ("LocalExecutor,airflow.providers.edge3.executors.EdgeExecutor", ["LocalExecutor", "EdgeExecutor"]),
    ],
)
def test_several_executors_are_a_list_and_the_first_is_the_default(executors: str, names: list[str]) -> None:
    """A task names another by its class or by the alias before the colon: `@task(executor="heavy")`."""
    environment = os.environ | {"AIRFLOW__CORE__EXECUTOR": executors}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("EXECUTORS")]
    assert told.split()[1:] == names
