"""A live Airflow shows what no in-process runner can: the scheduler, the triggerer and dead components at work."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from live_airflow import LiveAirflow, running_airflow

MANUAL = """
from airflow.sdk import DAG, Param, task

with DAG("add", params={"n": Param(1, type="integer")}):

    @task
    def more(params=None, ds=None):
        return [params["n"] + 1, ds]

    more()

with DAG("read_the_database"):

    @task
    def count():
        from airflow import settings
        from airflow.models.dag import DagModel

        return settings.Session().query(DagModel).count()

    count()
"""
ASSETS = """
from airflow.sdk import DAG, Asset, task

orders, prices = Asset("orders"), Asset("prices")

with DAG("produce"):

    @task(outlets=[orders], inlets=[prices])
    def write(outlet_events=None):
        outlet_events[orders].extra = {"rows": 3}

    write()

with DAG("consume_orders", schedule=[orders]):

    @task
    def read(triggering_asset_events=None):
        return [event.extra["rows"] for events in triggering_asset_events.values() for event in events]

    read()

with DAG("consume_prices", schedule=[prices]):

    @task
    def read_prices():
        return None

    read_prices()
"""
DEFERRABLE = """
import os

from airflow.providers.standard.triggers.file import FileTrigger
from airflow.sdk import DAG, BaseOperator, task


class WaitForFile(BaseOperator):
    def execute(self, context):
        trigger = FileTrigger(filepath=os.environ["AIRFLOW_HOME"] + "/landed", poke_interval=0.5)
        self.defer(trigger=trigger, method_name="resume", kwargs={"process": os.getpid()})

    def resume(self, context, event=None, process=None):
        return [event, process != os.getpid()]


with DAG("wait_for_file"):
    WaitForFile(task_id="wait")

with DAG("block"):

    @task
    def wait():
        return "held its worker"

    wait()

with DAG("other_work"):

    @task
    def work():
        return 1

    work()
"""


@pytest.mark.slow
def test_a_manual_run_succeeds_and_has_no_date(live_airflow: LiveAirflow) -> None:
    """A run by REST passes its conf on; without a logical date the task gets None for `ds`."""
    live_airflow.add_dag_file("manual.py", MANUAL, "add", "read_the_database")
    run = live_airflow.trigger("add", {"n": 41})
    assert live_airflow.wait_for_run("add", run) == (run, "success")
    assert live_airflow.tasks("add", run) == {"more": "success"}
    assert live_airflow.xcom("add", run, "more") == [42, None]
    dated = live_airflow.trigger("add", logical_date="2026-03-02T00:00:00Z")
    assert live_airflow.wait_for_run("add", dated) == (dated, "success")
    assert live_airflow.xcom("add", dated, "more") == [2, "2026-03-02"]


@pytest.mark.slow
def test_a_task_that_reads_the_metadata_database_fails(live_airflow: LiveAirflow) -> None:
    """`dag.test()` lets it pass; a worker does not, and its log says why."""
    live_airflow.add_dag_file("manual.py", MANUAL, "add", "read_the_database")
    run = live_airflow.trigger("read_the_database")
    assert live_airflow.wait_for_run("read_the_database", run) == (run, "failed")
    assert "Direct database access via the ORM is not allowed" in live_airflow.task_log("read_the_database", run, "count")


@pytest.mark.slow
def test_an_asset_event_starts_its_consumer_only(live_airflow: LiveAirflow) -> None:
    """An outlet makes an event with its extra, an inlet none: the DAG scheduled on the inlet has no run."""
    live_airflow.add_dag_file("assets.py", ASSETS, "produce", "consume_orders", "consume_prices")
    produced = live_airflow.trigger("produce")
    assert live_airflow.wait_for_run("produce", produced) == (produced, "success")
    consumed, state = live_airflow.wait_for_run("consume_orders")
    assert (state, consumed.split("__")[0]) == ("success", "asset_triggered")
    assert live_airflow.xcom("consume_orders", consumed, "read") == [3]
    assert live_airflow.runs("consume_prices") == {}


@pytest.mark.slow
def test_a_deferred_task_waits_for_a_triggerer_and_resumes_in_another_process(live_airflow: LiveAirflow) -> None:
    """Without a triggerer it stays deferred while other work goes on; with one it gets its event and its kwargs."""
    live_airflow.add_dag_file("deferrable.py", DEFERRABLE, "wait_for_file", "block", "other_work")
    run = live_airflow.trigger("wait_for_file")
    with live_airflow.without("triggerer"):
        live_airflow.wait_for_task("wait_for_file", run, "wait", "deferred")
        (live_airflow.home / "landed").touch()
        other = live_airflow.trigger("other_work")
        assert live_airflow.wait_for_run("other_work", other) == (other, "success")
        assert live_airflow.tasks("wait_for_file", run) == {"wait": "deferred"}
    ended = live_airflow.wait_for_run("wait_for_file", run)
    assert ended == (run, "success"), live_airflow.task_log("wait_for_file", run, "wait") + live_airflow.log_end("scheduler")
    assert live_airflow.xcom("wait_for_file", run, "wait") == [True, True]


@pytest.mark.slow
def test_a_task_that_holds_its_worker_is_told_from_a_deferred_one(live_airflow: LiveAirflow) -> None:
    """Waiting for a state that the task never had ends with the state it has."""
    live_airflow.add_dag_file("deferrable.py", DEFERRABLE, "block")
    run = live_airflow.trigger("block")
    with pytest.raises(RuntimeError, match=r"block.wait ended as 'success' and was never seen 'deferred'"):
        live_airflow.wait_for_task("block", run, "wait", "deferred")


@pytest.mark.slow
def test_a_file_that_cannot_be_imported_is_shown(live_airflow: LiveAirflow) -> None:
    """The wait ends with the import error of the dag-processor, not with its limit."""
    try:
        with pytest.raises(RuntimeError, match=r"broken\.py: (?s:.*)No module named 'no_such_module'"):
            live_airflow.add_dag_file("broken.py", "from airflow.sdk import DAG\nimport no_such_module\n", "broken")
    finally:
        (live_airflow.home / "dags" / "broken.py").unlink()
        live_airflow.wait(
            lambda: live_airflow.call("GET", "importErrors")["total_entries"] == 0, lambda: "the import error stays"
        )


@pytest.mark.slow
def test_a_refused_request_says_why(live_airflow: LiveAirflow) -> None:
    """A DAG that does not exist, and a missing token."""
    with pytest.raises(RuntimeError, match=r"dags/nothing/dagRuns\S* 404 .*nothing"):
        live_airflow.trigger("nothing")
    stranger = LiveAirflow(live_airflow.url, live_airflow.home, {})
    with pytest.raises(RuntimeError, match="401"):
        stranger.call("GET", "dags")


def test_pytest_xdist_keeps_a_file_together(request: pytest.FixtureRequest) -> None:
    """With `--dist loadgroup` a test's name ends in its group; where it does not, each process starts a live Airflow."""
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith(f"@{request.path}")


@pytest.mark.slow
def test_an_airflow_that_cannot_start_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the component's own output."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "first"))
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "sitecustomize.py").write_text("raise SystemExit('this machine is broken')")
    (tmp_path / "home").mkdir()
    with pytest.raises(RuntimeError, match="this machine is broken"), running_airflow(tmp_path / "home"):
        pass


BUSY = """
import time

from airflow.sdk import DAG, task

with DAG("busy"):

    @task
    def sleep():
        time.sleep(600)

    sleep()
"""


@pytest.mark.slow
def test_a_killed_scheduler_takes_its_running_task_along(live_airflow: LiveAirflow) -> None:
    """The task's process has a group of its own; it is gone all the same, and no process that it started is left."""
    live_airflow.add_dag_file("busy.py", BUSY, "busy")
    run = live_airflow.trigger("busy")
    pid = live_airflow.wait_for_task("busy", run, "sleep", "running")["pid"]
    assert psutil.pid_exists(pid)
    with live_airflow.without("scheduler"):
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    live_airflow.call("PATCH", f"dags/busy/dagRuns/{run}", {"state": "failed"})
