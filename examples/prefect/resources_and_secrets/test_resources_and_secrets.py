"""The secret is used and is nowhere: not in the server's database, its logs, or stored results."""

from __future__ import annotations

import base64
import hmac
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest
from finished_run import read_run
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State
from prefect.deployments.runner import DeploymentApplyError
from prefect.flow_engine import run_flow
from prefect_server import PrefectServer

KEY = "sk-c80d25b96f1a"  # shares no part with a key of another test: their results lie in the same folder


def run_deployed(example: ModuleType, name: str) -> tuple[UUID, State]:
    """Create a run of the deployment on the server and execute it here, as a worker would."""
    deployed = {deployment.name: deployment for deployment in example.deployments()}
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run_from_deployment(deployed[name].apply())
    return flow_run.id, run_flow(example.export_orders, flow_run=flow_run, return_type="state")


def files_with(text: str, folder: Path) -> list[Path]:
    """Files under `folder` that hold `text`, plain or (as pickled results do) inside base64."""
    plain = text.encode()
    forms = [plain, *(base64.b64encode(bytes(shift) + plain)[4:-4] for shift in range(3))]
    files = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return [path for path in files if any(form in what_is_in(path) for form in forms)]


def what_is_in(path: Path) -> bytes:
    """A database's pages as SQLite reads them, for the server writes on; nothing for a file that is gone again."""
    try:
        if path.suffix != ".db":
            return path.read_bytes()
        with closing(sqlite3.connect(path)) as database:
            return database.serialize()
    except FileNotFoundError:
        return b""


@pytest.mark.parametrize(("name", "key"), [("local", "public-local-key"), ("production", KEY)])
def test_each_deployment_signs_with_its_own_key(
    example: ModuleType, name: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deployment alone decides target and key; the flow's code is the same."""
    monkeypatch.setenv("SHOP_SIGNING_KEY", KEY)
    _, state = run_deployed(example, name)
    signature = hmac.new(key.encode(), json.dumps(example.ORDERS).encode(), "sha256").hexdigest()
    assert str(state.result()) == f"export_{name}/orders.json"
    assert json.loads(state.result().read_text())["signature"] == signature


def test_secret_is_in_nothing_that_the_server_wrote(
    example: ModuleType, prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Database, stored results and server log hold the run's own log line and never the key."""
    monkeypatch.setenv("SHOP_SIGNING_KEY", KEY)
    flow_run_id, _ = run_deployed(example, "production")
    line = "exported to export_production/orders.json with key **********"
    assert line in read_run(flow_run_id).messages()
    assert files_with(line, prefect_server.home) != []
    assert files_with(KEY, prefect_server.home) == []


def test_missing_variable_fails_before_any_task(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failed run's state names the variable, no task ran, nothing was written."""
    monkeypatch.delenv("SHOP_SIGNING_KEY", raising=False)
    flow_run_id, state = run_deployed(example, "production")
    with get_client(sync_client=True) as client:
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
    assert (state.is_failed(), "SHOP_SIGNING_KEY is not set" in state.message) == (True, True)
    assert (tasks, Path("export_production").exists()) == ([], False)


def test_unknown_environment_is_refused_when_deployed(example: ModuleType) -> None:
    """The server checks a deployment's parameters against the flow's types."""
    with pytest.raises(DeploymentApplyError, match="'staging' is not one of"):
        example.export_orders.to_deployment("staging", parameters={"environment": "staging"}).apply()
