"""What is refused when something is deployed, how far it came by then, and which worker starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.deployments.runner import DeploymentApplyError
from prefect.exceptions import PrefectHTTPStatusError
from prefect.workers.process import ProcessWorker
from prefect_kubernetes.worker import KubernetesWorker
from prefect_server import PrefectServer

FLOW = "from prefect import flow\n@flow\ndef load(day: str = 'mon'): return day\n"
PREFECT_YAML = """
pull: [{{prefect.deployments.steps.set_working_directory: {{directory: .}}}}]
deployments:
  - {{name: first-{name}, entrypoint: load_flow.py:load, work_pool: {{name: {name}}}}}
  - {{name: second-{name}, entrypoint: load_flow.py:load, work_pool: {{name: {name}{pool}}}{more}}}
"""


@flow
def load(limit: int = 1) -> int:
    return limit


@pytest.fixture
def client(prefect_server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def make_pool(client: SyncPrefectClient, kind: str, template: dict | None = None) -> str:
    """A new work pool of this type; its name."""
    name = f"trap-{uuid4().hex[:8]}"
    client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template or {}))
    return name


def prefect(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_trap_a_wrong_type_is_another_error_the_second_time(prefect_server: PrefectServer) -> None:
    """422 in a DeploymentApplyError for a new deployment, 409 in a PrefectHTTPStatusError for one that is there."""
    name = f"typed-{uuid4()}"
    with pytest.raises(DeploymentApplyError, match="422"):
        load.to_deployment(name, parameters={"limit": "many"}).apply()
    load.to_deployment(name, parameters={"limit": 2}).apply()
    with pytest.raises(PrefectHTTPStatusError, match="409"):
        load.to_deployment(name, parameters={"limit": "many"}).apply()


def in_image(pool: str, **job_variables: object) -> UUID:
    return load.deploy(
        f"image-{uuid4()}", work_pool_name=pool, image="shop:1", build=False, push=False, print_next_steps=False,
        job_variables=job_variables,
    )  # fmt: skip


def test_trap_the_server_holds_types_against_the_template_and_no_names(client: SyncPrefectClient) -> None:
    """A pool of Kubernetes refuses `finished_job_ttl: soon` and stores `namspace`."""
    pool = make_pool(client, "kubernetes", KubernetesWorker.get_default_base_job_template())
    with pytest.raises(DeploymentApplyError, match="'soon' is not valid under any of the given schemas"):
        in_image(pool, finished_job_ttl="soon")
    stored = client.read_deployment(in_image(pool, namspace="shop", finished_job_ttl=60)).job_variables
    assert stored == {"namspace": "shop", "finished_job_ttl": 60, "image": "shop:1"}


def test_trap_an_image_is_built_unless_told_otherwise(client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """`build` is True: where no Docker answers, nothing is deployed."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    pool, name = make_pool(client, "kubernetes", KubernetesWorker.get_default_base_job_template()), f"built-{uuid4()}"
    with pytest.raises(RuntimeError, match="Docker is not running"):
        load.deploy(name, work_pool_name=pool, image="shop:1", print_next_steps=False)
    assert client.read_deployments(deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[name]))) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pool_part", "more", "message"),
    [
        ("", ", schedules: [{cron: '0 6 * * *', timezone: Europe/Zurch}]", "Invalid timezone"),
        (", job_variables: {env: {SHOP_LIMIT: 8}}", "", "8 is not valid under any of the given schemas"),
    ],
    ids=["bad time zone", "a number as a variable of the environment"],
)
def test_trap_deploy_all_stops_half_way(
    client: SyncPrefectClient, tmp_path: Path, pool_part: str, more: str, message: str
) -> None:
    """Exit code 1, and what stands before the mistake in the file is on the server; after the correction both are."""
    pool = make_pool(client, "process", ProcessWorker.get_default_base_job_template())
    (tmp_path / "load_flow.py").write_text(FLOW)
    ends = []
    for mistake in ((pool_part, more), ("", "")):
        (tmp_path / "prefect.yaml").write_text(PREFECT_YAML.format(name=pool, pool=mistake[0], more=mistake[1]))
        done = prefect("deploy", "--all", folder=tmp_path)
        wanted = DeploymentFilter(name=DeploymentFilterName(any_=[f"first-{pool}", f"second-{pool}"]))
        names = sorted(row.name.split("-")[0] for row in client.read_deployments(deployment_filter=wanted))
        ends.append((done.returncode, message in " ".join((done.stdout + done.stderr).split()), names))
    assert ends == [(1, True, ["first"]), (0, False, ["first", "second"])]


@pytest.mark.slow
def test_trap_a_worker_needs_its_types_package(client: SyncPrefectClient) -> None:
    """The pool of a type that is not installed is made without a word; its worker ends with exit code 1."""
    pool = make_pool(client, "ecs")
    done = prefect("worker", "start", "--pool", pool, "--run-once")
    assert (done.returncode, "Please ensure you have the necessary dependencies" in done.stdout) == (1, True)


@pytest.mark.slow
def test_trap_a_pools_type_is_checked_by_the_command_line_alone(client: SyncPrefectClient) -> None:
    """`kubernets` is refused with the list of types there; over the API it is made, and no worker will ever take it."""
    done = prefect("work-pool", "create", f"trap-{uuid4().hex[:8]}", "--type", "kubernets")
    assert (done.returncode, "Unknown work pool type 'kubernets'. Please choose from" in done.stdout) == (1, True)
    assert client.read_work_pool(make_pool(client, "kubernets")).type == "kubernets"
