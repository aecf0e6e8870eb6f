"""The real SDK, against a local server that speaks the Jobs API, repairs what can be repaired and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from pytest_httpserver import HTTPServer

sys.path.insert(0, str(Path(__file__).parent))

from repair_run import repair_last_run


@pytest.fixture
def workspace(httpserver: HTTPServer) -> WorkspaceClient:
    """A client of the local server; nothing in the environment may lead it elsewhere."""
    httpserver.expect_request("/.well-known/databricks-config").respond_with_json({})
    return WorkspaceClient(host=httpserver.url_for(""), token="dapi-local", config_file="/dev/null")


def answer(server: HTTPServer, state: dict[str, Any], history: list[dict[str, Any]]) -> None:
    """The last run is 77, in this state, with these repairs."""
    run = {"run_id": 77, "job_id": 5, "state": state}
    server.expect_request("/api/2.2/jobs/runs/list").respond_with_json({"runs": [run]})
    server.expect_request("/api/2.2/jobs/runs/get").respond_with_json(run | {"repair_history": history})
    server.expect_request("/api/2.2/jobs/runs/repair", method="POST").respond_with_json({"repair_id": 9})


def repairs(server: HTTPServer) -> list[dict[str, Any]]:
    """What was asked of runs/repair."""
    return [json.loads(request.data) for request, _ in server.log if request.path.endswith("/repair")]


@pytest.mark.parametrize(
    ("history", "latest"),
    [
        ([{"type": "ORIGINAL"}], {}),
        ([{"type": "ORIGINAL"}, {"type": "REPAIR", "id": 3}, {"type": "REPAIR", "id": 8}], {"latest_repair_id": 8}),
    ],
)
@pytest.mark.parametrize("result", ["FAILED", "TIMEDOUT", "SUCCESS_WITH_FAILURES"])
def test_a_failed_run_is_repaired(
    workspace: WorkspaceClient, httpserver: HTTPServer, result: str, history: list[Any], latest: dict[str, int]
) -> None:
    """From the second repair on with the id of the latest one, which the service insists on."""
    answer(httpserver, {"life_cycle_state": "TERMINATED", "result_state": result}, history)
    assert repair_last_run(workspace, 5) == 77
    assert repairs(httpserver) == [{"run_id": 77, "rerun_all_failed_tasks": True, "rerun_dependent_tasks": True} | latest]


def test_a_success_is_left_alone(workspace: WorkspaceClient, httpserver: HTTPServer) -> None:
    """Also when the job never ran."""
    answer(httpserver, {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}, [])
    assert (repair_last_run(workspace, 5), repairs(httpserver)) == (None, [])


def test_a_run_in_progress_is_not_touched(workspace: WorkspaceClient, httpserver: HTTPServer) -> None:
    """The service would refuse; the message says what to wait for."""
    answer(httpserver, {"life_cycle_state": "RUNNING"}, [])
    with pytest.raises(RuntimeError, match="run 77 of job 5 is in progress"):
        repair_last_run(workspace, 5)
    assert repairs(httpserver) == []


def test_a_wrong_job_id_is_the_services_error(workspace: WorkspaceClient, httpserver: HTTPServer) -> None:
    """With its text."""
    refused = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Job 6 does not exist."}
    httpserver.expect_request("/api/2.2/jobs/runs/list").respond_with_json(refused, status=404)
    with pytest.raises(NotFound, match="Job 6 does not exist"):
        repair_last_run(workspace, 6)
