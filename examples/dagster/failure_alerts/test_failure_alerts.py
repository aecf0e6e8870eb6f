"""A real HTTP server in the place of Slack and PagerDuty counts what people would get."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from daemon_turns import running_daemon
from run_assets import run_assets

START, HOUR = datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=1)


class Receiver(HTTPServer):
    """`messages` are Slack texts, `pages` are PagerDuty (action, dedup_key); `statuses` are answered first, then 200."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.pages: list[tuple[str, str]] = []
        self.statuses: list[int] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """Takes the JSON of both."""

    def do_POST(self) -> None:
        """Note the body, unless another status than 200 is due."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if status == 200 and self.path == "/page":
            event = json.loads(body)
            self.server.pages.append((event["event_action"], event["dedup_key"]))
        elif status == 200:
            self.server.messages.append(json.loads(body)["text"])
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b'{"ok": true}' if status == 200 else b'{"ok": false, "error": "fatal_error"}')

    def log_message(self, format: str, *args: object) -> None:
        """Keep the request line out of the captured output."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The server, with the environment that leads to it."""
    with Receiver() as server:
        url = f"http://127.0.0.1:{server.server_port}"
        for name, value in {
            "SLACK_TOKEN": "xoxb-1", "SLACK_API_URL": f"{url}/api/",
            "PAGERDUTY_ROUTING_KEY": "key", "PAGERDUTY_URL": f"{url}/page",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def live_through(defs: dg.Definitions, instance, orders: Path, outcomes: str) -> None:
    """An hour for each letter, "f" for a failing run and "." for a good one; then two turns for the last alert."""
    with running_daemon(defs, instance, START + timedelta(minutes=30)) as daemon:
        daemon.turn(START + timedelta(minutes=30))
        for hour, outcome in enumerate(outcomes, start=1):
            orders.unlink(missing_ok=True) if outcome == "f" else orders.write_text("[]")
            daemon.turn(START + hour * HOUR)
            daemon.turn(START + hour * HOUR + timedelta(minutes=10))


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the asset reads."""
    monkeypatch.setenv("SHOP_ORDERS", str(tmp_path / "orders.json"))
    return tmp_path / "orders.json"


def test_four_failures_are_one_message_and_one_page(example: ModuleType, stored_instance, receiver, orders: Path) -> None:
    """And the success after them is one message and the end of the incident; the next failure is news again."""
    live_through(example.defs, stored_instance, orders, ".ffff.f")
    assert [text.split(" (")[0].split(",")[0] for text in receiver.messages] == [
        "load fails", "load works again after 4 failures", "load fails"]  # fmt: skip
    assert "(shop-data)" in receiver.messages[0]
    assert receiver.pages == [("trigger", "dagster/load"), ("resolve", "dagster/load")]


def test_a_busy_slack_is_asked_again(example: ModuleType, stored_instance, receiver, orders: Path) -> None:
    """A 500 delays the message."""
    receiver.statuses = [500]
    live_through(example.defs, stored_instance, orders, "f")
    assert len(receiver.messages) == 1


def test_an_alert_that_raises_is_lost(stored_instance, orders: Path, example: ModuleType) -> None:
    """Silent: the sensor's position moves on, and the failed run is never told of again."""
    asked: list[str] = []

    @dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING)
    def frail(context: dg.RunFailureSensorContext) -> None:
        asked.append(context.dagster_run.run_id)
        raise ConnectionError("no Slack")

    defs = dg.Definitions([example.orders], [example.hourly], sensors=[frail])
    live_through(defs, stored_instance, orders, "f.")
    assert len(asked) == 1


def test_a_run_that_is_retried_is_no_news(example: ModuleType) -> None:
    """The tag that Dagster sets while run retries are left."""
    runs = [dg.DagsterRun("load", tags=tags) for tags in ({"dagster/will_retry": "true"}, {"dagster/will_retry": "false"}, {})]
    assert [example.will_be_retried(run) for run in runs] == [True, False, False]


def test_failures_between_two_ticks_are_counted_from_each_run(
    example: ModuleType, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the first of them is judged, the second is there already; a retried one counts for neither."""
    monkeypatch.setenv("SHOP_ORDERS", "missing.json")
    job = example.defs.resolve_job_def("load")
    tags = [{"dagster/will_retry": "true"}, {}, {}]
    first, second, third = (job.execute_in_process(instance=instance, raise_on_error=False, tags=own).dagster_run for own in tags)
    assert [example.failures_before(instance, run) for run in (first, second, third)] == [0, 0, 1]


def test_a_hook_speaks_for_each_step_and_its_own_error_is_swallowed(instance) -> None:
    """Silent: two failed steps are two calls; the hook's exception is an event, no failure, and nobody is told."""
    called: list[str] = []

    @dg.failure_hook
    def shout(context: dg.HookContext) -> None:
        called.append(f"{context.step_key}: {context.op_exception}")
        raise ConnectionError("no Slack")

    def fail() -> None:
        raise ValueError("bad")

    run = run_assets([dg.asset(fail, name=name, hooks={shout}) for name in "ab"], instance)
    assert called == ["a: bad", "b: bad"]
    events = [e.dagster_event.event_type_value for e in instance.all_logs(run.run_id) if e.dagster_event]
    assert (events.count("HOOK_ERRORED"), "ConnectionError" in str(run.errors)) == (2, False)
