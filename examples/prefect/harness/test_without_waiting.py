"""Retries run without their delays, all of them, and show whether an attempt can be repeated."""

from __future__ import annotations

import pytest
from finished_run import run_and_read
from prefect import Task, flow, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff
from prefect_server import PrefectServer
from without_waiting import declared_delays, without_waiting

HOUR = 3600
table: list[int] = []
attempts: list[str] = []


@task(retries=2, retry_delay_seconds=HOUR)
def append_then_fail() -> None:
    """Leaves its row behind when it fails: not repeatable."""
    table.append(7)
    if len(table) < 3:
        raise ConnectionError("lost after the insert")


@task(retries=2, retry_delay_seconds=[HOUR, HOUR])
def replace_then_fail() -> None:
    """Replaces its row: repeatable."""
    attempts.append("replace")
    table[:] = [7]
    if len(attempts) < 3:
        raise ConnectionError("lost after the insert")


def is_passing(task: Task, run: TaskRun, state: State) -> bool:
    """Whether the next attempt may do better."""
    return isinstance(state.result(raise_on_failure=False), ConnectionError)


@task(retries=3, retry_delay_seconds=HOUR, retry_condition_fn=is_passing)
def refused() -> None:
    """Fails in a way that no retry mends."""
    raise PermissionError("no")


@flow(retries=1, retry_delay_seconds=HOUR)
def whole_flow_again() -> str:
    """Fails once, as a flow."""
    attempts.append("flow")
    if len(attempts) < 2:
        raise ConnectionError("first")
    return "second"


def run_of(work: Task) -> tuple[str, list[int]]:
    """State and tries of a flow with one task, its waits removed."""
    table.clear()
    attempts.clear()
    with without_waiting(work):
        run = run_and_read(flow(name="one-task")(lambda: work()))
    return run.state.name, run.tries.get(work.name, [])


@pytest.mark.slow
def test_repeatable_and_unrepeatable_attempts_differ(prefect_server: PrefectServer) -> None:
    """Both are green after three attempts; the rows tell which one may be retried."""
    assert (run_of(replace_then_fail), list(table)) == (("Completed", [3]), [7])
    assert (run_of(append_then_fail), table) == (("Completed", [3]), [7, 7, 7])


@pytest.mark.slow
def test_the_condition_still_decides(prefect_server: PrefectServer) -> None:
    """A failure that the condition calls final is tried once."""
    assert run_of(refused) == ("Failed", [1])


@pytest.mark.slow
def test_a_flow_is_retried_at_once_and_its_delay_restored(prefect_server: PrefectServer) -> None:
    """The flow's own retry runs in the same process; after the block it waits again."""
    attempts.clear()
    with without_waiting(whole_flow_again):
        run = run_and_read(whole_flow_again)
    assert (run.result, run.flow_run.run_count, whole_flow_again.retry_delay_seconds) == ("second", 2, HOUR)


def test_a_task_without_retries_is_refused() -> None:
    """A test of retries on a task that has none would pass whatever happens."""
    with pytest.raises(ValueError, match="'once' declares no retries"), without_waiting(task(name="once")(is_passing)):
        pass


def test_declared_delays_are_those_of_the_engine() -> None:
    """A callable gives a growing list, a short list repeats its end, none is 0."""
    growing = task(retries=3, retry_delay_seconds=exponential_backoff(2))(is_passing)
    short = task(retries=3, retry_delay_seconds=[1, 5])(is_passing)
    assert [declared_delays(growing), declared_delays(short), declared_delays(task(retries=1)(is_passing))] == [
        [2, 4, 8], [1, 5, 5], [0],
    ]  # fmt: skip
