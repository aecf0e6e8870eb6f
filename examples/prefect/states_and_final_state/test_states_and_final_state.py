"""A flow is as green as what it returns or raises; what follows a failure and which hooks fire."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest
from finished_run import run_and_read
from prefect import allow_failure, flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.states import Cancelled, Completed
from prefect_server import PrefectServer


@task
def fail() -> None:
    raise ValueError("no rows")


@task
def load(batch: object = None) -> str:
    return f"loaded {batch!r}"


def load_without_its_input() -> str:
    load(fail.submit())
    return "done"


FINAL_STATES: dict[str, tuple[Callable[[], Any], str]] = {
    "future not asked": (lambda: [fail.submit(), "done"][1], "Completed"),
    "future waited for": (lambda: fail.submit().wait(), "Completed"),
    "futures in a dictionary": (lambda: {"orders": fail.submit()}, "Completed"),
    "future beside a value": (lambda: (fail.submit(), 3), "Completed"),
    "exception returned": (lambda: fail.submit().result(raise_on_failure=False), "Completed"),
    "subflow's state not asked": (lambda: [flow(name="part")(lambda: fail())(return_state=True), 1][1], "Completed"),
    "called after a failed future": (load_without_its_input, "Completed"),
    "right: future returned": (lambda: fail.submit(), "Failed"),
    "right: list of futures": (lambda: [load.submit(), fail.submit()], "Failed"),
    "right: result asked": (lambda: fail.submit().result(), "Failed"),
    "right: state returned": (lambda: fail(return_state=True), "Failed"),
    "state decided": (lambda: [fail(return_state=True), Completed(message="may fail")][1], "Completed"),
}


@pytest.mark.parametrize("case", FINAL_STATES)
def test_final_state_over_a_failed_task(prefect_server: PrefectServer, case: str) -> None:
    """Silent: without `right` a task failed, or was cancelled by the flow's end, and the flow is Completed."""
    body, final = FINAL_STATES[case]
    run = run_and_read(flow(name="final-state")(body))
    unwell = any(state in str(run.task_states) for state in ("Failed", "Crashed"))
    assert (run.state.name, unwell or "subflow" in case) == (final, True), run


FOLLOWERS: dict[str, tuple[Callable[[], Any], Any]] = {
    "called with a failed future: None, not run": (lambda: load(fail.submit()), None),
    "called with a failed state: None, not run": (lambda: load(fail(return_state=True)), None),
    "called with wait_for: None, not run": (lambda: load(wait_for=[fail.submit()]), None),
    "right: allow_failure hands over the exception": (
        lambda: load(allow_failure(fail.submit())), "loaded ValueError('no rows')",
    ),
    "right: allow_failure in wait_for": (lambda: load(wait_for=[allow_failure(fail.submit())]), "loaded None"),
    "NotReady can be asked": (lambda: load(fail.submit(), return_state=True).name, "NotReady"),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLLOWERS)
def test_what_a_task_after_a_failed_one_gives(prefect_server: PrefectServer, case: str) -> None:
    """Silent: a plain call after a failed future returns None, and nothing is raised."""
    body, value = FOLLOWERS[case]
    run = run_and_read(flow(name="follower")(lambda: [body()]))
    assert (run.state.name, run.result) == ("Completed", [value])


def test_bad_batch_is_left_out_and_the_run_says_so(example: ModuleType) -> None:
    """Two days in the table, Failed with the count, one alert; the next run with good data is Completed."""
    bad = run_and_read(example.load_batches, batches={**example.BATCHES, "2026-03-02": [-900]})
    assert (bad.state.name, bad.state.message) == ("Failed", "1 of 3 batches failed")
    with duckdb.connect("shop_data.duckdb") as database:
        assert database.execute("SELECT day::VARCHAR, sum(cents)::INT FROM orders GROUP BY day ORDER BY day").fetchall() == [
            ("2026-03-01", 2250), ("2026-03-03", 2700),
        ]  # fmt: skip
    assert run_and_read(example.load_batches).state.name == "Completed"
    assert Path("alerts.txt").read_text() == "load-batches Failed: 1 of 3 batches failed\n"


def hooks_of(body: Callable[..., Any], **parameters: Any) -> list[str]:
    """Which hooks of a flow and of its task `work` ran, in order."""
    seen: list[str] = []
    kinds = ["on_running", "on_completion", "on_failure", "on_cancellation", "on_crashed"]
    hooks = {kind: [lambda subject, run, state, kind=kind: seen.append(kind)] for kind in kinds}
    try:
        flow(name="hooked", **hooks)(body)(**parameters, return_state=True)
    except BaseException as error:
        seen.append(type(error).__name__)
    return seen


def end(error: BaseException | Any) -> Callable[[], Any]:
    def body() -> Any:
        if isinstance(error, BaseException):
            raise error
        return error

    return body


def typed(number: int) -> int:
    return number


@pytest.mark.parametrize(
    ("body", "parameters", "hooks"),
    [
        (end(1), {}, ["on_running", "on_completion"]),
        (end(ValueError()), {}, ["on_running", "on_failure"]),
        (typed, {"number": "x"}, ["on_failure"]),
        (end(SystemExit(3)), {}, ["on_running", "on_crashed", "SystemExit"]),
        (end(Cancelled()), {}, ["on_running"]),
    ],
    ids=["completed", "failed", "refused parameter never ran", "exit is a crash", "returned Cancelled has no hook"],
)
def test_hooks(prefect_server: PrefectServer, body: Callable[..., Any], parameters: dict[str, Any], hooks: list[str]) -> None:
    """Which end has which hook."""
    assert hooks_of(body, **parameters) == hooks


def test_task_hooks(prefect_server: PrefectServer) -> None:
    """A retried task has one on_failure, after the last try; a task that exits the process has none."""
    failed: list[str] = []
    options = {"on_failure": [lambda task, run, state: failed.append(state.name)]}
    hooks_of(lambda: task(retries=1, **options)(end(ValueError()))())
    hooks_of(lambda: task(**options)(end(SystemExit(3)))())
    assert failed == ["Failed"]


def test_hook_that_raises_stops_neither_the_next_hook_nor_the_state(prefect_server: PrefectServer) -> None:
    """Silent but for a log line."""
    seen: list[str] = []
    hooks = [lambda *_: 1 // 0, lambda flow, run, state: seen.append(state.name)]
    state = flow(name="bad-hook", on_completion=hooks)(lambda: 1)(return_state=True)
    assert (state.name, seen) == ("Completed", ["Completed"])


KILLED = """
import os, signal, sys
from pathlib import Path
from prefect import flow
def touch(*_): Path("hook").touch()
@flow(flow_run_name=sys.argv[1], on_failure=[touch], on_crashed=[touch], on_cancellation=[touch])
def load(): os.kill(os.getpid(), signal.SIGKILL)
load()
"""


@pytest.mark.slow
def test_killed_process_has_no_hook(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Silent: after SIGKILL (out of memory) no hook runs and the run stays Running on the server."""
    command = [sys.executable, "-c", KILLED, tmp_path.as_posix()]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=180, env=os.environ)
    with get_client(sync_client=True) as client:
        [run] = client.read_flow_runs(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[tmp_path.as_posix()])))
    assert (process.returncode, (tmp_path / "hook").exists(), run.state_name) == (-signal.SIGKILL, False, "Running")
