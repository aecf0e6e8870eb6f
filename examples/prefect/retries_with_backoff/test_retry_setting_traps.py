"""Which retry settings are refused, what a broken condition does, and what a flow's retry does again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from finished_run import run_and_read
from prefect import flow, task
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.tasks import exponential_backoff
from prefect_server import PrefectServer
from without_waiting import declared_delays

RETRIES = 60


@pytest.fixture
def results(prefect_server: PrefectServer, tmp_path: Path) -> Iterator[None]:
    """An empty folder for the results of this test."""
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield


def test_trap_fifty_delays_at_most() -> None:
    """A list of 51 is refused when the task is made; `exponential_backoff` stops at 50 and its last delay is repeated."""
    with pytest.raises(ValueError, match="Can not configure more than 50 retry delays per task"):
        task(retries=RETRIES, retry_delay_seconds=[1.0] * 51)(lambda: 1)
    most = task(retries=RETRIES, retry_delay_seconds=exponential_backoff(1))(lambda: 1)
    delays = declared_delays(most)
    assert (len(most.retry_delay_seconds), delays[-11:]) == (50, [2.0**49] * 11)


def test_trap_a_jitter_below_zero_is_refused() -> None:
    """When the task is made; 0 is no jitter."""
    with pytest.raises(ValueError, match="`retry_jitter_factor` must be >= 0"):
        task(retries=1, retry_jitter_factor=-0.1)(lambda: 1)
    assert task(retries=1, retry_jitter_factor=0)(lambda: 1).retry_jitter_factor == 0


def test_trap_a_condition_that_raises_is_no_retry(prefect_server: PrefectServer) -> None:
    """One try; the state has the task's own error, and only the log has the condition's."""
    tries: list[int] = []

    def broken(task: object, run: object, state: object) -> bool:
        raise LookupError("the condition is broken")

    @task(retries=2, retry_condition_fn=broken)
    def ask() -> None:
        tries.append(1)
        raise ConnectionError("busy")

    run = run_and_read(flow(name="asking")(lambda: ask()))
    assert (len(tries), run.state.name, str(run.result)) == (1, "Failed", "busy")
    assert any("the condition is broken" in line for line in run.messages(logging.ERROR))
    assert "condition" not in str([task_run.state for task_run in run.task_runs])
    tries.clear()
    run_and_read(flow(name="asking")(lambda: ask.with_options(retry_condition_fn=lambda *_: True)()))
    assert len(tries) == 3


def test_trap_a_flows_retry_does_again_what_was_not_persisted(results: None) -> None:
    """The task that had succeeded runs twice; with `persist_result=True` once."""
    done: list[str] = []

    @task
    def load(name: str) -> None:
        done.append(name)

    @flow(retries=1, retry_delay_seconds=0)
    def load_all() -> None:
        load("lost")
        load.with_options(persist_result=True)("kept")
        if done.count("lost") == 1:
            raise ConnectionError("busy")

    assert (run_and_read(load_all).state.name, sorted(done)) == ("Completed", ["kept", "lost", "lost"])
