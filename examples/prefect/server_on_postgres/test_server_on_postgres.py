"""Runs outlive the server's process on Postgres; what the API holds of them is read back; job templates are checked offline."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import load_flow_file
from finished_run import FinishedRun, execute_and_read, read_run, run_and_read
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect_docker.worker import DockerWorker, DockerWorkerJobConfiguration
from prefect_kubernetes.worker import KubernetesWorker, KubernetesWorkerJobConfiguration
from prefect_server import PrefectServer, client_settings
from pydantic import ValidationError

HERE = Path(__file__).parent
KUBERNETES, DOCKER = KubernetesWorker.get_default_base_job_template(), DockerWorker.get_default_base_job_template()
NOWHERE = PrefectClient("http://127.0.0.1:1/api")


@pytest.fixture
def server_module() -> ModuleType:
    return load_flow_file(HERE / "postgres_server.py")


@pytest.fixture
def check() -> ModuleType:
    return load_flow_file(HERE / "check_job_variables.py")


@pytest.fixture
def database(server_module: ModuleType) -> Iterator[str]:
    """The URL of an empty, real Postgres."""
    if not server_module.HAS_POSTGRES:
        pytest.skip("no Postgres is installed: initdb is neither on PATH nor in /usr/lib/postgresql")
    with server_module.postgres(free_port()) as url:
        yield url


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def everything_about(run: FinishedRun) -> str:
    """All that the API tells about a run, its tasks, logs and artifacts, as text."""
    parts = [run.flow_run, *run.task_runs, *run.logs, *run.artifacts]
    with get_client(sync_client=True) as client:
        parts += client.read_artifacts()
    return "\n".join(part.model_dump_json() for part in parts)


@pytest.mark.slow
def test_runs_survive_the_servers_restart(server_module: ModuleType, database: str, tmp_path: Path) -> None:
    """A finished run is read back from the second process, and a waiting one of a deployment is executed there."""
    url, port = database.replace("postgresql:", "postgresql+asyncpg:"), free_port()
    count_orders = load_flow_file(HERE / "flow.py").count_orders
    with server_module.prefect_server_on(url, tmp_path, port) as api, client_settings(PrefectServer(api, tmp_path)):
        finished = run_and_read(count_orders)
        deployment_id = count_orders.to_deployment("waiting").apply()
        with get_client(sync_client=True) as client:
            waiting = client.create_flow_run_from_deployment(deployment_id, parameters={"shop": "thun"})
    with server_module.prefect_server_on(url, tmp_path, port) as api, client_settings(PrefectServer(api, tmp_path)):
        again = read_run(finished.id)
        assert (again.state.name, again.task_states) == ("Completed", {"read": ["Completed"]})
        assert "bern: 3 orders" in again.messages()
        with get_client(sync_client=True) as client:
            executed = execute_and_read(count_orders, client.read_flow_run(waiting.id))
        assert (executed.state.name, executed.result, executed.id) == ("Completed", 0, waiting.id)


@pytest.mark.slow
def test_which_postgres_it_refuses(server_module: ModuleType, tmp_path: Path) -> None:
    """A URL without `+asyncpg`, and a Postgres without the extension pg_trgm: the server ends while it starts."""
    with server_module.bare_postgres() as url:
        for database, error in {
            url: "No module named 'psycopg'",
            url.replace("postgresql:", "postgresql+asyncpg:"): 'extension "pg_trgm" is not available',
        }.items():
            with pytest.raises(RuntimeError, match=error):
                with server_module.prefect_server_on(database, tmp_path, free_port()):
                    pass


def test_what_leaves_the_network(example: ModuleType, prefect_server: PrefectServer) -> None:
    """Parameters and logs are on the server in clear; of results, key and storage; rows are nowhere in its answers."""
    run = run_and_read(example.count_orders, shop="bern")
    told = everything_about(run)
    assert (run.flow_run.parameters, "bern: 3 orders" in told) == ({"shop": "bern"}, True)
    assert "anna@shop.example" not in told
    stored = json.loads(urllib.request.urlopen(f"{prefect_server.api_url}/flow_runs/{run.id}").read())["state"]["data"]
    assert {"storage_key", "serializer", "storage_block_id"} <= set(stored)
    assert run.task_runs[0].name.startswith("read")


def test_an_exceptions_message_leaves_too(example: ModuleType) -> None:
    """Silent: no log line of ours names a row, and the failed state does; the traceback is in the log."""

    @flow
    def careless() -> None:
        raise ValueError(f"bad row {example.read('bern')[0]}")

    run = run_and_read(careless)
    assert "anna@shop.example" in run.flow_run.state.message
    assert any("anna@shop.example" in line for line in run.messages(40))


def test_job_variables_are_checked_without_a_cluster(check: ModuleType) -> None:
    """Wrong types, as the server finds them, and unknown names, which it does not."""
    assert check.problems_of(KUBERNETES, {"namespace": "shop", "finished_job_ttl": 60, "env": {"SHOP": "bern"}}) == []
    assert check.problems_of(KUBERNETES, {"namspace": "shop", "finished_job_ttl": "soon"}) == [
        "finished_job_ttl: 'soon' is not valid under any of the given schemas",
        "namspace: no such variable",
    ]
    assert check.problems_of(DOCKER, {"volumes": "/data:/data"}) == ["volumes: '/data:/data' is not of type 'array'"]


def manifest(values: dict[str, Any]) -> dict[str, Any]:
    rendered = KubernetesWorkerJobConfiguration.from_template_and_values(KUBERNETES, values, client=NOWHERE)
    return asyncio.run(rendered).job_manifest


def test_the_manifest_is_rendered_without_a_cluster() -> None:
    """Silent: rendering takes a wrong type and a misspelt name."""
    job = manifest({"namespace": "shop", "image": "shop:1", "finished_job_ttl": 60})
    assert (job["metadata"]["namespace"], job["spec"]["ttlSecondsAfterFinished"]) == ("shop", 60)
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:1"
    wrong = manifest({"namspace": "shop", "finished_job_ttl": "soon"})
    assert (wrong["metadata"]["namespace"], wrong["spec"]["ttlSecondsAfterFinished"]) == ("default", "soon")


def test_docker_refuses_a_bad_volume_itself() -> None:
    """Its configuration is typed; that of Kubernetes is a manifest."""
    rendered = DockerWorkerJobConfiguration.from_template_and_values
    assert asyncio.run(rendered(DOCKER, {"image": "shop:1"}, client=NOWHERE)).image == "shop:1"
    with pytest.raises(ValidationError, match="Invalid volume specification"):
        asyncio.run(rendered(DOCKER, {"volumes": ["data"]}, client=NOWHERE))
