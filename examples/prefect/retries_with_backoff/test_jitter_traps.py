"""How far jitter takes a wait from the delay that was declared, seen in the waits of the server's own states."""

from __future__ import annotations

from finished_run import run_and_read
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect_server import PrefectServer

RETRIES, DELAY = 20, 0.2


@task(retries=RETRIES, retry_delay_seconds=DELAY, retry_jitter_factor=0.5)
def busy() -> None:
    raise ConnectionError("busy")


@flow
def load() -> None:
    busy()


def wait_of(state: State) -> float:
    """Seconds from the failure to the next try, as the state has them."""
    assert state.state_details.scheduled_time is not None
    return (state.state_details.scheduled_time - state.timestamp).total_seconds()


def test_trap_a_factor_of_a_half_is_no_half_on_each_side(prefect_server: PrefectServer) -> None:
    """The shortest wait is 0.63 and the longest 1.5 times the delay, and they differ from try to try."""
    run = run_and_read(load)
    with get_client(sync_client=True) as client:
        states = client.read_task_run_states(run.task_runs[0].id)
    waits = [wait_of(state) / DELAY for state in states if state.name == "AwaitingRetry"]
    assert (len(waits), len(set(waits))) == (RETRIES, RETRIES)
    assert 0.58 < min(waits) < 0.9 < 1.1 < max(waits) < 1.55  # 0.05 for a machine that is busy
