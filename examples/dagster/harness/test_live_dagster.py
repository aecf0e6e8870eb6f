"""A real webserver and daemon run what GraphQL asks for, tick a schedule, and leave nothing behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dagster import AssetKey, DagsterRunStatus
from live_dagster import LiveDagster, live_dagster

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Using variable_values:DeprecationWarning")]  # of gql
DEFINITIONS = """
import os
import time

import dagster as dg


@dg.asset
def orders() -> int:
    return int(os.environ["ORDERS"])


@dg.asset
def slow_orders(context: dg.AssetExecutionContext) -> None:
    time.sleep(600)


@dg.asset
def refused() -> None:
    raise dg.Failure("the shop is closed")


@dg.sensor(job_name="load", minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def once() -> dg.RunRequest:
    return dg.RunRequest(run_key="first")


defs = dg.Definitions(
    assets=[orders, slow_orders, refused],
    jobs=[
        dg.define_asset_job("load", selection=["orders"]),
        dg.define_asset_job("hang", selection=["slow_orders"]),
        dg.define_asset_job("fail", selection=["refused"]),
    ],
    sensors=[once],
)
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDagster]:
    """One system for the tests of this file."""
    folder = tmp_path_factory.mktemp("live")
    (folder / "definitions.py").write_text(DEFINITIONS)
    with live_dagster(folder / "definitions.py", folder / "home", {"ORDERS": "3"}) as running:
        yield running


def test_a_launched_run_is_queued_and_executed(live: LiveDagster) -> None:
    """The value comes from the run's own process, which has the given environment."""
    run = live.launch("load")
    assert live.wait_for_run(run) is DagsterRunStatus.SUCCESS
    with live.instance() as instance:
        event = instance.get_latest_materialization_event(AssetKey("orders"))
    assert event is not None and event.run_id


def test_a_failed_run_is_told_from_a_good_one(live: LiveDagster) -> None:
    """The same wait gives the other status."""
    assert live.wait_for_run(live.launch("fail")) is DagsterRunStatus.FAILURE


def test_a_running_run_is_cancelled_and_its_process_ends(live: LiveDagster) -> None:
    """Termination goes through GraphQL to the run's process."""
    run = live.launch("hang")
    live.wait_for(run, DagsterRunStatus.STARTED)
    live.client.terminate_run(run)
    assert live.wait_for_run(run) is DagsterRunStatus.CANCELED


def test_a_sensor_that_the_daemon_ticks_asks_for_one_run_per_key(live: LiveDagster) -> None:
    """Many ticks, one key, one run."""
    deadline, found = time.monotonic() + 120, []
    while not found and time.monotonic() < deadline:
        time.sleep(0.5)
        with live.instance() as instance:
            found = [run for run in instance.get_runs() if run.tags.get("dagster/sensor_name") == "once"]
    assert [run.tags["dagster/run_key"] for run in found] == ["first"]


def test_nothing_is_left_after_the_block(tmp_path: Path) -> None:
    """Code servers and a run that hangs end with the system."""
    (tmp_path / "definitions.py").write_text(DEFINITIONS)
    with live_dagster(tmp_path / "definitions.py", tmp_path / "home", {"ORDERS": "3"}) as running:
        running.wait_for(running.launch("hang"), DagsterRunStatus.STARTED)
        trees = [
            child for process in running.processes.values() for child in psutil.Process(process.pid).children(recursive=True)
        ]
    assert (len(trees) > 0, [child.pid for child in trees if child.is_running()]) == (True, [])


def test_a_file_that_does_not_load_ends_the_wait_with_a_word(tmp_path: Path) -> None:
    """An import error is not a system that is ready."""
    (tmp_path / "definitions.py").write_text("raise SystemError('no shop')")
    with pytest.raises(RuntimeError, match="no shop"), live_dagster(tmp_path / "definitions.py", tmp_path / "home"):
        pass
