"""What the server knows of a run shows work that was skipped, repeated or lost under a green flow."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from finished_run import execute_and_read, read_run, run_and_read
from paused_flow import answer
from prefect import Flow, flow, suspend_flow_run, task
from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger
from prefect.runtime import flow_run as this_run
from prefect.states import Scheduled
from prefect_server import PrefectServer

pytestmark = pytest.mark.slow


@task
def load(rows: int) -> int:
    """Fails on a negative number."""
    if rows < 0:
        raise ValueError(f"{rows} rows")
    return rows


@flow(log_prints=True)
def load_all(batches: list[int]) -> int:
    """Waits for every batch."""
    print(f"{len(batches)} batches")
    counts = load.map(batches).result()
    create_table_artifact(key="counts", table=[{"rows": count} for count in counts])
    return sum(counts)


@flow
def load_all_and_forget(batches: list[int]) -> int:
    """Never asks what became of the batches: green whatever happens."""
    load.map(batches).wait()
    return len(batches)


@flow
async def load_one(rows: int = 3) -> int:
    """An async flow with a synchronous task."""
    get_run_logger().warning("about to load")
    return load(rows)


@flow
def due() -> datetime:
    """When it was to start."""
    return this_run.scheduled_start_time


@flow
def load_what_is_asked() -> str:
    """Ends its process until somebody says how many rows."""
    return f"{suspend_flow_run(wait_for_input=int, timeout=60)} rows"


@flow
async def load_what_is_asked_async() -> str:
    """The same, as a coroutine."""
    return f"{await suspend_flow_run(wait_for_input=int, timeout=60)} rows"


@pytest.fixture(autouse=True)
def _server(prefect_server: PrefectServer) -> None:
    """Every test here needs the server."""


def test_everything_of_a_good_run() -> None:
    """State, result, task states, tries, printed lines and artifact, all of this run."""
    run = run_and_read(load_all, batches=[2, 3])
    assert (run.state.name, run.result, run.task_states, run.tries) == (
        "Completed", 5, {"load": ["Completed", "Completed"]}, {"load": [1, 1]},
    )  # fmt: skip
    assert "2 batches" in run.messages()
    assert [json.loads(artifact.data) for artifact in run.artifacts] == [[{"rows": 2}, {"rows": 3}]]


def test_a_failed_task_under_a_green_flow_is_seen() -> None:
    """The flow that forgets is Completed; its task states are not, and the log has the error."""
    run = run_and_read(load_all_and_forget, batches=[1, -1])
    assert (run.state.name, sorted(run.task_states["load"])) == ("Completed", ["Completed", "Failed"])
    assert any("ValueError: -1 rows" in line for line in run.messages(logging.ERROR))


def test_a_failed_run_is_a_result_that_explains_itself() -> None:
    """Nothing is raised; the representation that pytest prints holds state, tasks and the error."""
    run = run_and_read(load_all, batches=[-1])
    assert (run.state.name, str(run.result)) == ("Failed", "-1 rows")
    assert [part in repr(run) for part in ("Failed", "{'load': ['Failed']}", "ValueError: -1 rows")] == [True] * 3


def test_async_flow_and_its_warning() -> None:
    """An async flow runs to its end, and the level filters its log."""
    run = run_and_read(load_one)
    assert (run.result, run.messages(logging.WARNING)) == (3, ["about to load"])


def test_all_task_runs_are_there_when_the_run_is_read() -> None:
    """More than one page of them, all in their final state, none of another run."""
    run = run_and_read(load_all, batches=list(range(205)))
    assert run.task_states == {"load": ["Completed"] * 205}
    assert run_and_read(load_all, batches=[]).task_states == {}


def test_a_scheduled_run_has_the_parameters_of_its_deployment() -> None:
    """Executed here as a worker's process would, and readable again by its id alone."""
    deployment_id = load_all.to_deployment("two", parameters={"batches": [4]}).apply()
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run_from_deployment(deployment_id)
    assert execute_and_read(load_all, flow_run).result == 4
    assert read_run(flow_run.id).task_states == {"load": ["Completed"]}


def test_a_run_of_the_future_is_executed_now_and_keeps_its_moment() -> None:
    """The engine would sleep for two days; the flow still sees the moment for which it was scheduled."""
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(due, state=Scheduled(scheduled_time=later))
    assert execute_and_read(due, flow_run).result == later


@pytest.mark.parametrize("flow", [load_what_is_asked, load_what_is_asked_async])
def test_a_suspended_run_is_read_as_such_and_executed_again(flow: Flow) -> None:
    """Suspension ends a process by a signal; here it is a state, and the answer leads to the result."""
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run_from_deployment(flow.to_deployment("asked").apply())
    assert execute_and_read(flow, flow_run).state.name == "Suspended"
    assert execute_and_read(flow, answer(flow_run.id, value=3)).result == "3 rows"
