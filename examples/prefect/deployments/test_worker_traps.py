"""What becomes of runs whose process dies or cannot load them, and of runs that were due while nobody worked."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
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


def state_of(run: UUID) -> str | None:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run).state_name


def wait_until_late(run: UUID) -> None:
    deadline = time.monotonic() + LATE_SECONDS
    while (seen := state_of(run)) != "Late":
        assert time.monotonic() < deadline, f"the run is {seen}, not Late"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def ends(prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """How each run ended that one worker found when it began."""
    folder, pool, now = tmp_path_factory.mktemp("worker_traps"), f"trap-{uuid4().hex[:8]}", datetime.now(UTC)
    for name in ("load_flow.py", "needing_flow.py"):
        (folder / name).write_text(FLOW)
    load = deploy_to_pool(folder / "load_flow.py", "load", pool)
    runs = {
        f"{hours} hours late": run_deployment(load, scheduled_time=now - timedelta(hours=hours), timeout=0).id for hours in (1, 2)
    }
    runs["killed"] = start_run(deploy_to_pool(folder / "load_flow.py", "killed", pool)).id
    runs["cannot import"] = start_run(deploy_to_pool(folder / "needing_flow.py", "load", pool, name="needing")).id
    (folder / "needing_flow.py").write_text("import finished_run\n" + FLOW)  # which only pytest's path has
    for hours in (1, 2):
        wait_until_late(runs[f"{hours} hours late"])
    work_once(pool)
    return {name: state_of(run) for name, run in runs.items()}


@pytest.mark.parametrize("run", ["killed", "cannot import"])
def test_trap_a_process_that_dies_or_cannot_import_is_crashed(ends: dict[str, str | None], run: str) -> None:
    """The worker notices what the flow's own hooks cannot: no run is left Running."""
    assert ends[run] == "Crashed"


def test_trap_all_late_runs_are_worked_at_once(ends: dict[str, str | None]) -> None:
    """The next worker takes every run that nobody worked, not the newest alone."""
    assert [ends[f"{hours} hours late"] for hours in (1, 2)] == ["Completed"] * 2
