"""What dagster-openlineage sends to a backend, and what it leaves out, loses or reports wrongly.

Real: the package, HTTP, Dagster's storages. Simulated: the backend, a server on loopback that keeps what it is sent.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from code_location import live_location
from dagster._core.execution.api import execute_run
from openlineage.client import OpenLineageClient
from private_names import importable_job

Event = dict[str, Any]
Opener = Callable[[], AbstractContextManager[dg.DagsterInstance]]
SQLITE, CONSOLIDATED = "SqliteEventLogStorage", "ConsolidatedSqliteEventLogStorage"
pytestmark = pytest.mark.filterwarnings("ignore:.*get_event_records")  # the sensor's
SOURCE = """
import dagster as dg

@dg.asset
def orders() -> None:
    pass

@dg.asset(deps=[orders])
def revenue() -> None:
    raise ValueError("no orders today")

load = dg.define_asset_job("load", [orders, revenue], executor_def=dg.{executor})
defs = dg.Definitions([orders, revenue], jobs=[load])
"""


@dataclass
class Backend:
    """What a server on loopback was sent, in its order, and what it answers."""

    events: list[Event] = field(default_factory=list)
    status: int = 201
    url: str = ""


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """A running backend, named by OPENLINEAGE_URL."""
    opened = Backend()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            opened.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(opened.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        opened.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OPENLINEAGE_URL", opened.url)
        try:
            yield opened
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def sent(backend: Backend) -> list[Event]:
    """The events that the backend was sent."""
    return backend.events


def log_storage(name: str, folder: Path) -> dict[str, Any]:
    """An entry of dagster.yaml for one of Dagster's own event logs."""
    return {"module": "dagster._core.storage.event_log", "class": name, "config": {"base_dir": str(folder / "history")}}


@contextmanager
def instance_with(storage: Mapping[str, Any], folder: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a folder, with this event log."""
    (folder / "dagster.yaml").write_text(yaml.safe_dump({"telemetry": {"enabled": False}, "event_log_storage": dict(storage)}))
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


@pytest.fixture
def wrapped(tmp_path: Path, sent: list[Event]) -> Opener:
    """Opens an instance whose SQLite event log is wrapped, as each process of a deployment does."""
    config = {"namespace": "shop", "timeout": 0.5, "wrapped": log_storage(SQLITE, tmp_path)}
    storage = {"module": "dagster_openlineage", "class": "OpenLineageEventLogStorage", "config": config}
    return lambda: instance_with(storage, tmp_path)


def shop(*, fails: bool = False) -> list[dg.AssetsDefinition]:
    @dg.asset
    def orders() -> None:
        pass

    @dg.asset(deps=[orders])
    def revenue() -> None:
        if fails:
            raise ValueError("no orders today")

    return [orders, revenue]


def states(events: list[Event]) -> list[tuple[str, str]]:
    return [(event["eventType"], event["job"]["name"]) for event in events]


def test_trap_two_assets_joined_by_deps_have_no_edge(wrapped: Opener, sent: list[Event]) -> None:
    """Silent: each asset is a job with its output and without inputs, and both jobs have the run's id."""
    with wrapped() as instance:
        run = dg.materialize(shop(), instance=instance)
    assert states(sent) == [("START", "orders"), ("START", "revenue"), ("COMPLETE", "orders"), ("COMPLETE", "revenue")]
    assert [event["inputs"] for event in sent] == [[], [], [], []]
    assert [event["outputs"][0]["name"] for event in sent] == ["orders", "revenue", "orders", "revenue"]
    assert {event["run"]["runId"] for event in sent} == {run.run_id}
    assert {event["outputs"][0]["namespace"] for event in sent} == {"shop"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("executor", "ends"),
    [
        ("multiprocess_executor", [("COMPLETE", "orders"), ("FAIL", "orders"), ("FAIL", "revenue")]),
        ("in_process_executor", [("COMPLETE", "orders"), ("FAIL", "revenue")]),
    ],
)
def test_trap_the_default_executor_reports_a_stored_asset_as_failed(
    wrapped: Opener,
    sent: list[Event],
    tmp_path: Path,
    executor: str,
    ends: list[tuple[str, str]],
) -> None:
    """Silent: the run's process knows what was planned, not what a step's process stored. In one process it is right."""
    (tmp_path / "shop.py").write_text(SOURCE.format(executor=executor))
    with wrapped():
        pass
    program = str(Path(sys.executable).with_name("dg"))
    known = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    command = [program, "launch", "--job", "load", "-f", "shop.py"]
    assert subprocess.run(command, cwd=tmp_path, env=known, capture_output=True).returncode == 1
    assert sorted(state for state in states(sent) if state[0] != "START") == ends


@pytest.mark.parametrize(
    ("same", "ends"), [(False, [("COMPLETE", "orders")]), (True, [("COMPLETE", "orders"), ("FAIL", "revenue")])]
)
def test_trap_a_run_that_another_process_launched_never_fails(
    wrapped: Opener,
    sent: list[Event],
    same: bool,
    ends: list[tuple[str, str]],
) -> None:
    """Silent: webserver and daemon plan the run, its own process knows of no plan. Two open instances stand for the two."""
    assets = shop(fails=True)
    load = dg.define_asset_job("load", assets, executor_def=dg.in_process_executor)
    definitions = dg.Definitions(assets, jobs=[load])
    with live_location(definitions) as module, wrapped() as daemon, wrapped() as worker:
        run = daemon.create_run_for_job(definitions.resolve_job_def("load"))
        assert not execute_run(importable_job(module, "load"), run, daemon if same else worker).success
    assert [state for state in states(sent) if state[0] != "START"] == ends


def use_http_with(retry: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of OpenLineage's own client, instead of OPENLINEAGE_URL."""
    monkeypatch.delenv("OPENLINEAGE_URL", raising=False)
    for name, value in {"TYPE": "http", "URL": url, "RETRY": retry}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)


def test_trap_a_dead_backend_loses_events_and_fails_no_run(
    wrapped: Opener, sent: list[Event], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run is green, the log has one error for its four events, and nothing is sent when the backend is back."""
    with monkeypatch.context() as dead:
        use_http_with('{"total": 0}', "http://127.0.0.1:9", dead)
        with wrapped() as instance:
            assert dg.materialize(shop(), instance=instance).success
    assert sum("Events will be dropped" in record.message for record in caplog.records) == 1
    with wrapped() as instance:
        run = dg.materialize(shop(), instance=instance)
    assert [event["run"]["runId"] for event in sent] == [run.run_id] * 4


@pytest.mark.parametrize(("retry", "tries"), [('{"backoff_factor": 0}', 6), ('{"total": 0}', 1)])
def test_trap_a_failing_backend_is_asked_six_times_for_each_event(
    wrapped: Opener, backend: Backend, monkeypatch: pytest.MonkeyPatch, retry: str, tries: int
) -> None:
    """Silent: the step waits meanwhile (9 s an event by default), and the storage's own `timeout` is not used."""
    use_http_with(retry, backend.url, monkeypatch)
    backend.status = 503
    with wrapped() as instance:
        assert dg.materialize(shop()[:1], instance=instance).success
        assert instance.event_log_storage._adapter._client.transport.timeout == 5.0  # `wrapped` asks for 0.5
    assert states(backend.events) == [("START", "orders")] * tries + [("COMPLETE", "orders")] * tries


@pytest.mark.parametrize(("named", "retries"), [("OPENLINEAGE_URL", 5), ("OPENLINEAGE__TRANSPORT__URL", 0)])
def test_trap_beside_openlineage_url_the_retry_setting_is_not_read(
    monkeypatch: pytest.MonkeyPatch, named: str, retries: int
) -> None:
    """Silent: it counts with TYPE and URL of the same family of variables."""
    use_http_with('{"total": 0}', "http://127.0.0.1:9", monkeypatch)
    if named == "OPENLINEAGE_URL":
        for name in ("TYPE", "URL"):
            monkeypatch.delenv(f"OPENLINEAGE__TRANSPORT__{name}")
        monkeypatch.setenv(named, "http://127.0.0.1:9")
    assert OpenLineageClient().transport.config.retry["total"] == retries


def new_sensor(**options: Any) -> dg.SensorDefinition:
    """The sensor of a fresh import: its module reads OPENLINEAGE_URL when it is imported."""
    return importlib.reload(importlib.import_module("dagster_openlineage.sensor")).openlineage_sensor(**options)


def tick_until_quiet(sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> None:
    """Ticks, each with the cursor of the one before, until the cursor stands."""
    cursor, before = None, "none"
    while cursor != before:
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            before, cursor = cursor, sensor.evaluate_tick(context).cursor or context.cursor


@pytest.mark.parametrize("include", [True, False])
def test_trap_the_sensor_raises_on_the_default_storage(tmp_path: Path, sent: list[Event], include: bool) -> None:
    """With and without asset events. On one SQLite file for all runs, as on Postgres, it sends them."""
    (tmp_path / "one").mkdir()
    with instance_with(log_storage(SQLITE, tmp_path), tmp_path) as instance:
        dg.materialize(shop(), instance=instance)
        with pytest.raises(Exception, match="not run-aware"):
            tick_until_quiet(new_sensor(include_asset_events=include), instance)
    assert sent == []
    with instance_with(log_storage(CONSOLIDATED, tmp_path / "one"), tmp_path / "one") as instance:
        dg.materialize(shop(fails=True), instance=instance, raise_on_error=False)
        tick_until_quiet(new_sensor(include_asset_events=include), instance)
    of_assets = [state for state in states(sent) if state[1] in ("orders", "revenue") and state[0] != "START"]
    assert sorted(of_assets) == ([("COMPLETE", "orders"), ("FAIL", "revenue")] if include else [])
    assert sum("parent" in event["run"]["facets"] for event in sent) == 4  # the steps' own jobs


@pytest.mark.parametrize(("limit", "complete"), [(2, ["second", "third"]), (0, ["first", "second", "third"])])
def test_trap_a_sensor_behind_its_limit_loses_the_oldest_events(
    tmp_path: Path, sent: list[Event], limit: int, complete: list[str]
) -> None:
    """Silent: of each type it reads the newest `record_filter_limit` (30) and moves its cursor past the rest; 0 reads all."""
    names = ["first", "second", "third"]
    with instance_with(log_storage(CONSOLIDATED, tmp_path), tmp_path) as instance:
        dg.materialize([dg.asset(lambda: None, name=name) for name in names], instance=instance)
        tick_until_quiet(new_sensor(include_asset_events=True, record_filter_limit=limit), instance)
    assert sorted(name for state, name in states(sent) if state == "COMPLETE" and name in names) == complete
