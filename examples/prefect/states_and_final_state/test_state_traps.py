"""What a caller gets in the place of a result, and which hooks run at an unusual end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from finished_run import run_and_read
from prefect import State, flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE
from prefect.exceptions import FailedRun, UnfinishedRun
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.states import Completed, Failed
from prefect_server import PrefectServer


@pytest.fixture(autouse=True)
def results(prefect_server: PrefectServer, tmp_path: Path) -> Iterator[None]:
    """An empty folder for the results of this test."""
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield


@task
def fail() -> None:
    raise ValueError("no rows")


@task
def load(batch: object = None) -> str:
    return "loaded"


def test_trap_a_submitted_follower_is_pending_for_ever() -> None:
    """Called, it gives None; submitted, it is NotReady of type PENDING and its result raises."""

    def submitted() -> tuple[str, str]:
        follower = load.submit(fail.submit())
        follower.wait()
        with pytest.raises(UnfinishedRun, match="PENDING"):
            follower.result()
        return follower.state.name, follower.state.type.value

    run = run_and_read(flow(name="follows")(lambda: [load(fail.submit()), submitted()]))
    assert run.result == [None, ("NotReady", "PENDING")]


def test_trap_a_returned_state_is_what_the_caller_gets() -> None:
    """A task that returns `Completed(...)` hands over the State; the value itself comes from a plain return."""
    skipped = task(name="skipped")(lambda: Completed(name="Skipped", message="no rows"))
    given = flow(name="asks")(lambda: [skipped()])()[0]
    assert (isinstance(given, State), given.name) == (True, "Skipped")
    assert flow(name="asks")(lambda: task(lambda: None)())() is None


def test_trap_a_returned_failure_raises_for_who_calls() -> None:
    """A flow that returns `Failed(...)` raises FailedRun in its caller, unless that asks for the state."""
    refused = flow(name="refused")(lambda: Failed(message="1 of 3 failed"))
    with pytest.raises(FailedRun, match="1 of 3 failed"):
        refused()
    assert refused(return_state=True).message == "1 of 3 failed"


def test_trap_an_interrupt_is_a_crash() -> None:
    """Ctrl-C runs `on_crashed`, not `on_failure`; an exception runs `on_failure`."""
    seen: list[str] = []
    hooks = {kind: [lambda flow, run, state, kind=kind: seen.append(kind)] for kind in ("on_failure", "on_crashed")}

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flow(name="interrupted", **hooks)(interrupted)()
    flow(name="failed", **hooks)(lambda: 1 // 0)(return_state=True)
    assert seen == ["on_crashed", "on_failure"]


def test_trap_on_completion_runs_for_cached_work_too() -> None:
    """A hook that counts loads counts what was not done; the state's name tells them apart."""
    seen: list[str] = []
    hook = [lambda task, run, state: seen.append(state.name)]
    load_once = task(cache_policy=INPUTS + TASK_SOURCE, on_completion=hook)(lambda day: day)
    flow(name="twice")(lambda: [load_once("mon"), load_once("mon")])()
    assert seen == ["Completed", "Cached"]


def test_trap_hooks_are_lists() -> None:
    """A bare function is refused when the flow is made."""
    with pytest.raises(TypeError, match="Expected iterable for 'on_failure'; got function instead"):
        flow(on_failure=lambda flow, run, state: None)(lambda: 1)
