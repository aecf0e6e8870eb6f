"""A worker executes what is due, in a process of its own, and shows what only a worker does."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest
from finished_run import read_run
from prefect_server import PrefectServer
from worker_process import deploy_to_pool, start_run, work_once

pytestmark = pytest.mark.slow
FLOW = """
import os
from pathlib import Path

from prefect import flow


@flow(log_prints=True)
def load(day: str) -> None:
    print(f"process {os.getpid()} loads {day}")
    if day == "bad":
        raise ValueError("no such day")
    Path(__file__).with_name(day).touch()
"""


@pytest.fixture
def file(clean_server: PrefectServer, tmp_path: Path) -> Path:
    """A flow file in an empty folder."""
    path = tmp_path / "load_flow.py"
    path.write_text(FLOW)
    return path


def states(*runs: UUID) -> list[str]:
    return [read_run(run).state.name for run in runs]


def test_what_is_due_is_executed_in_another_process(file: Path) -> None:
    """Two runs, one good and one bad, each with its own end; the worker itself ends well."""
    deployment = deploy_to_pool(file, "load", "shop")
    good, bad = (start_run(deployment, day=day).id for day in ("2026-03-01", "bad"))
    work_once("shop")
    assert states(good, bad) == ["Completed", "Failed"]
    assert (file.parent / "2026-03-01").exists()
    [printed] = [line for line in read_run(good).messages() if "loads 2026-03-01" in line]
    assert str(os.getpid()) not in printed


def test_a_worker_of_another_pool_leaves_the_run_alone(file: Path) -> None:
    """The silent case: a run in a pool that nobody works stays Scheduled for ever, and no one is told."""
    run = start_run(deploy_to_pool(file, "load", "shop"), day="2026-03-01").id
    deploy_to_pool(file, "load", "warehouse", name="there")
    work_once("warehouse")
    assert (states(run), (file.parent / "2026-03-01").exists()) == (["Scheduled"], False)


def test_a_worker_that_cannot_work_says_why(clean_server: PrefectServer) -> None:
    """A pool of another type is refused with the worker's own words."""
    with pytest.raises(RuntimeError, match="ended with exit code"):
        work_once("no/such pool?")
