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
from airflow.cli.cli_parser import get_parser
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from dag_files import DagFileError, dag_file_as_bundle, load_dag, register_dag_file
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


def test_the_command_writes_each_tasks_pod_without_a_cluster(
    metadata_database: Path, dag_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the executor would send it, the arguments that Airflow adds included; and it has known fields only."""
    monkeypatch.setenv("AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE", str(HERE / "pod_template.yaml"))
    command = ["kubernetes", "generate-dag-yaml", "kubernetes_pods_train", "-l", "2026-03-04", "-o", str(tmp_path)]
    register_dag_file(dag_file)
    with dag_file_as_bundle(dag_file):
        arguments = get_parser().parse_args(command)
        arguments.func(arguments)
    read, train = [yaml.safe_load(file.read_text()) for file in sorted(tmp_path.rglob("*.yml"))]
    assert [unknown_fields(pod) for pod in (read, train)] == [[], []]
    assert [pod["spec"].get("nodeSelector") for pod in (read, train)] == [None, {"size": "large"}]
    assert train["spec"]["containers"][0]["args"][:3] == ["python", "-m", "airflow.sdk.execution_time.execute_workload"]


def test_trap_the_resources_of_an_override_replace_the_templates_whole(dag_file: Path, template: dict) -> None:
    """The template asks for a CPU; a pod that asks for its own memory alone has none. The example's task repeats it."""
    base = PodGenerator.deserialize_model_dict(template)
    memory = k8s.V1ResourceRequirements(requests={"memory": "4Gi"})
    alone = k8s.V1Pod(spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base", resources=memory)]))
    repeated = PodGenerator.from_obj(load_dag(dag_file).get_task("train").executor_config)
    pods = [PodGenerator.reconcile_pods(base, override) for override in (alone, repeated)]
    assert [pod.spec.containers[0].resources.requests.get("cpu") for pod in pods] == [None, "250m"]


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
        ("SequentialExecutor", ["LocalExecutor"]),
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


@pytest.mark.parametrize(
    ("executors", "error"),
    [
        ("LocalExecutor,LocalExecutor", "At least one executor was configured twice"),
        ("LocalExecutor,EdgeExecutor", 'could not be loaded. Please check "executor" key in "core" section'),
    ],
)
def test_trap_a_list_that_no_component_can_load(executors: str, error: str) -> None:
    """One executor twice, under an alias or not; a bare name that is not one of Airflow's own, such as Edge's."""
    environment = os.environ | {"AIRFLOW__CORE__EXECUTOR": executors}
    load_all = ASK + "for name in ExecutorLoader.get_executor_names(): ExecutorLoader.load_executor(name)"
    done = subprocess.run([sys.executable, "-c", load_all], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, error in done.stderr) == (1, True), done.stderr[-500:]


@pytest.mark.parametrize("where", ["@task(executor='CeleryExecutor')", "@task"])
def test_a_task_or_dag_that_names_an_executor_the_deployment_has_not_is_an_import_error(tmp_path: Path, where: str) -> None:
    """`default_args` names it for all tasks of a DAG."""
    file = tmp_path / "elsewhere.py"
    default_args = {} if "(" in where else {"executor": "CeleryExecutor"}
    file.write_text(
        "from airflow.sdk import DAG, task\n"
        f"with DAG('elsewhere', default_args={default_args}):\n    {where}\n    def load(): ...\n    load()\n"
    )
    with pytest.raises(DagFileError, match="UnknownExecutorException: Task 'load' specifies executor 'CeleryExecutor'"):
        load_dag(file)
