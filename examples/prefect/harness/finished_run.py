"""A flow run and what the server knows of it afterwards: states, tries, logs, artifacts, result.

Real: the run is created on the server, executed by Prefect's engine in this process, and everything is read back
through the API. Simulated: no worker; the process, its folder and its environment are the test's own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from prefect import Flow, State, task
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
    TaskRunFilter,
    TaskRunFilterId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, Log, TaskRun
from prefect.client.schemas.sorting import LogSort
from prefect.states import Scheduled
from private_names import execute_run, send_what_waits

PAGE = 200  # the server's limit for one answer
WAIT_SECONDS = 60
Row = TypeVar("Row")


@dataclass(frozen=True)
class FinishedRun:
    """What the server stored about one run; `str()` of it is the report that a failing test should show."""

    flow_run: FlowRun
    state: State[Any]
    task_runs: list[TaskRun]
    logs: list[Log]
    artifacts: list[Artifact]

    @property
    def id(self) -> UUID:
        """The id of the flow run."""
        return self.flow_run.id

    @property
    def result(self) -> Any:
        """What the flow returned; an exception when it failed. Read from this process, not from the server."""
        return self.state.result(raise_on_failure=False)

    @property
    def task_states(self) -> dict[str, list[str]]:
        """State names of the runs of each task, oldest first; Prefect gives every run a random ending (`load-3f2`)."""
        states: dict[str, list[str]] = {}
        for run in self.task_runs:
            states.setdefault(task_name(run), []).append(run.state_name or "no state")
        return states

    @property
    def tries(self) -> dict[str, list[int]]:
        """How often each run of each task was tried; 0 when its result came from a cache."""
        tries: dict[str, list[int]] = {}
        for run in self.task_runs:
            tries.setdefault(task_name(run), []).append(run.run_count)
        return tries

    def messages(self, level: int = 0) -> list[str]:
        """Log lines of the run and its tasks at `level` (of `logging`) or above, oldest first."""
        return [log.message for log in self.logs if log.level >= level]

    def __repr__(self) -> str:
        problems = [line.splitlines()[-1] for line in self.messages(30) if line.strip()]
        return f"<run {self.state.name}: {self.state.message or ''} tasks={self.task_states} warnings={problems[:5]}>"


def run_and_read(flow: Flow[..., Any], **parameters: Any) -> FinishedRun:
    """Run `flow` once, sync or async, and read everything back. A failing flow is a result here, not an exception."""
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(flow, parameters=flow.serialize_parameters(parameters))
    return read_run(flow_run.id, execute_run(flow, flow_run, parameters))


def execute_and_read(flow: Flow[..., Any], flow_run: FlowRun) -> FinishedRun:
    """Execute a run that exists on the server, now: of a deployment, an automation, the scheduler.

    The engine would sleep until the moment of a run that is due later; such a run is made due, and keeps the moment as
    its expected start. A run that suspends itself is Suspended: read it again and execute that when it is resumed.
    """
    _make_due(flow_run.id)
    return read_run(flow_run.id, execute_run(flow, flow_run))


def _is_later(state: State[Any]) -> bool:
    return state.state_details.scheduled_time is not None and state.state_details.scheduled_time > datetime.now(UTC)


def _make_due(flow_run_id: UUID) -> None:
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(flow_run_id).state
        if state and state.is_scheduled() and _is_later(state):
            client.set_flow_run_state(flow_run_id, Scheduled(scheduled_time=datetime.now(UTC)), force=True)


def read_run(flow_run_id: UUID, state: State[Any] | None = None) -> FinishedRun:
    """What the server knows of a run that any process executed; waits until this process's records are stored."""
    wait_until_recorded()
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(flow_run_id)
        assert flow_run.state is not None
        return FinishedRun(
            flow_run, state or flow_run.state, _task_runs(client, flow_run_id), _logs(client, flow_run_id),
            _artifacts(client, flow_run_id),
        )  # fmt: skip


@task(task_run_name="marker", log_prints=False)
def _marker() -> None:
    """A task run of the harness: the server records task runs in order, so once it is known, earlier ones are."""


def wait_until_recorded() -> None:
    """Return once the server has recorded all task runs of this process. Raises TimeoutError after WAIT_SECONDS.

    The engine reports task runs as events, in the background: right after the flow returns the API shows
    some of them as Running, or not at all.
    """
    send_what_waits()  # also ends the sending thread, which would count what follows among its flow's tasks
    state = _marker(return_state=True)
    send_what_waits()
    wanted = TaskRunFilter(id=TaskRunFilterId(any_=[state.state_details.task_run_id]))
    deadline = time.monotonic() + WAIT_SECONDS
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            found = client.read_task_runs(task_run_filter=wanted)
            if found and found[0].state and found[0].state.is_final():
                return
            time.sleep(0.02)
    raise TimeoutError(f"the server recorded no task run of this process within {WAIT_SECONDS} s; is its event service on?")


def task_name(run: TaskRun) -> str:
    """The name of the task behind a run: its key without the hash of its code."""
    return run.task_key.rsplit("-", 1)[0].rsplit(".", 1)[-1]


def _task_runs(client: SyncPrefectClient, flow_run_id: UUID) -> list[TaskRun]:
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    runs: list[TaskRun] = []
    while page := client.read_task_runs(flow_run_filter=wanted, limit=PAGE, offset=len(runs)):
        runs += page
    return sorted(runs, key=lambda run: (run.expected_start_time or run.created, run.name))


def _logs(client: SyncPrefectClient, flow_run_id: UUID) -> list[Log]:
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id]))
    logs: list[Log] = []
    while page := client.read_logs(wanted, limit=PAGE, offset=len(logs), sort=LogSort.TIMESTAMP_ASC):
        logs += page
    return logs


def _artifacts(client: SyncPrefectClient, flow_run_id: UUID) -> list[Artifact]:
    """What the run created; the server also keeps a nameless one for each stored result."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
    return [artifact for artifact in client.read_artifacts(artifact_filter=wanted) if artifact.type not in (None, "result")]
