"""What becomes of runs whose process dies or cannot load them, and of runs that were due while nobody worked."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from finished_run import read_run
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect_server import PrefectServer
from worker_process import deploy_to_pool, start_run, work_once

pytestmark = pytest.mark.slow
LATE_SECONDS = 120
FLOW = """
import os, signal
from prefect import flow

@flow
def load(): return 1

@flow
def killed(): os.kill(os.getpid(), signal.SIGKILL)
"""


def test_trap_a_process_that_dies_or_cannot_import_is_crashed(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """The worker notices both: one killed at work, one whose file needs what only this process's path has."""
    (tmp_path / "load_flow.py").write_text(FLOW)
    (tmp_path / "needing_flow.py").write_text(FLOW)
    pool = f"trap-{uuid4().hex[:8]}"
    deployments = [
        deploy_to_pool(tmp_path / file, function, pool, name=f"{file}-{function}")
        for file, function in (("load_flow.py", "load"), ("load_flow.py", "killed"), ("needing_flow.py", "load"))
    ]
    (tmp_path / "needing_flow.py").write_text("import finished_run\n" + FLOW)
    runs = [start_run(deployment).id for deployment in deployments]
    work_once(pool)
    assert [read_run(run).state.name for run in runs] == ["Completed", "Crashed", "Crashed"]


def test_trap_all_late_runs_are_worked_at_once(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Three hours without a worker are three Late runs, and the next worker takes every one of them."""
    (tmp_path / "load_flow.py").write_text(FLOW)
    pool, now = f"trap-{uuid4().hex[:8]}", datetime.now(UTC)
    deployment = deploy_to_pool(tmp_path / "load_flow.py", "load", pool)
    due = [now - timedelta(hours=hours) for hours in (3, 2, 1)]
    runs = [run_deployment(deployment, scheduled_time=moment, timeout=0).id for moment in due]
    wait_until_late(runs)
    work_once(pool)
    assert states(runs) == ["Completed"] * 3


def states(runs: list[UUID]) -> list[str | None]:
    with get_client(sync_client=True) as client:
        return [client.read_flow_run(run).state_name for run in runs]


def wait_until_late(runs: list[UUID]) -> None:
    deadline = time.monotonic() + LATE_SECONDS
    while (seen := states(runs)) != ["Late"] * len(runs):
        assert time.monotonic() < deadline, f"the runs are {seen}, not Late"
        time.sleep(0.2)
