"""Until when a suspended run waits."""

from __future__ import annotations

from finished_run import execute_and_read
from prefect import flow, suspend_flow_run
from prefect_server import PrefectServer
from worker_process import start_run


@flow
def ask(timeout: int | None = None) -> None:
    suspend_flow_run(**({} if timeout is None else {"timeout": timeout}))


def test_trap_a_suspension_without_timeout_has_no_end(prefect_server: PrefectServer) -> None:
    """The state holds no moment at which the server would fail the run; with a time-out it holds one."""
    deployment = ask.to_deployment("asks").apply()
    runs = [execute_and_read(ask, start_run(deployment, **given)) for given in ({}, {"timeout": 600})]
    ends = [run.flow_run.state.state_details.pause_timeout for run in runs]
    assert ([run.state.name for run in runs], [end is not None for end in ends]) == (["Suspended"] * 2, [False, True])
