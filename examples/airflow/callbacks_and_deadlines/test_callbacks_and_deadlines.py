"""Every failure pages once a run, a mended run resolves, and each way to lose or forge an alert is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from live_airflow import LiveAirflow
from pendulum import datetime
from run_dag import create_run, register_dag_file, rerun, run_dag

DEADLINES = """
from datetime import timedelta
from airflow.sdk import DAG, DeadlineAlert, DeadlineReference, SyncCallback, task

def late(context): ...

for name in ("LOGICAL_DATE", "QUEUED_AT"):
    alert = DeadlineAlert(getattr(DeadlineReference, f"DAGRUN_{name}"), timedelta(days=9), SyncCallback(late))
    with DAG(name.lower(), deadline=alert):
        @task
        def load(params=None, dag_run=None):
            if dag_run.conf.get("broken"):
                raise ValueError("no orders")
        load()
"""
LIVE = """
from datetime import timedelta
from airflow.sdk import DAG, AsyncCallback, Connection, DeadlineAlert, DeadlineReference, SyncCallback, task

def ask(context):
    Connection.get("stored_pager")

async def page(address, text):
    raise AssertionError("never reached: the triggerer cannot import a DAG file")

def at_once(callback):
    return DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(seconds=1), callback)

kwargs = {"address": ADDRESS, "text": "{{ dag_run.dag_id }}"}
for name, callback in (("in_dag_file", page), ("in_plugins_folder", "shop_pager.page")):
    with DAG(name, deadline=at_once(AsyncCallback(callback, kwargs=kwargs))):
        task(task_id="load")(lambda: 1)()
with DAG("asks", deadline=at_once(SyncCallback(ask))):
    task(task_id="load")(lambda: 1)()
"""
ESCALATES = """
from datetime import timedelta

from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier
from airflow.sdk import DAG, BaseNotifier, task

class Page(BaseNotifier):
    def notify(self, context):
        print("page", context["ti"].task_id)

def tell(text):
    return SlackWebhookNotifier(slack_webhook_conn_id="shop_chat", text=text)

callbacks = {
    "on_retry_callback": tell("try {{ ti.try_number }} of {{ params.shop }}: {{ exception }}"),
    "on_failure_callback": [tell("{{ ti.task_id }} gave up"), Page()],
}
with DAG("escalates", default_args=callbacks, params={"shop": "bern"}):
    @task(retries=1, retry_delay=timedelta(minutes=5))
    def load(file):
        raise ValueError(f"{file} has no header")
    load.expand(file=["bern.csv"])
with DAG("escalates_mapped", default_args={"on_failure_callback": tell("{{ ti.map_index }} gave up")}):
    load.override(retries=0).expand(file=["bern.csv", "oslo.csv"])
"""
SHOP_PAGER = """
import asyncio, json, urllib.request

async def page(address, text, context):
    payload = {"summary": text, "severity": "critical"}
    event = {"event_action": "trigger", "dedup_key": context["dag_run"]["dag_id"], "payload": payload}
    request = urllib.request.Request(address, json.dumps(event).encode())
    await asyncio.to_thread(urllib.request.urlopen, request, timeout=5)
"""


class Pager(ThreadingHTTPServer):
    """A real HTTP server that keeps the events it gets and answers with `status`."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, str]] = []
        self.status = 202
        super().__init__(("127.0.0.1", 0), _PagerHandler)
        self.url = f"http://127.0.0.1:{self.server_port}/v2/enqueue"


class _PagerHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        payload = event["payload"]
        self.server.events.append((event["event_action"], event["dedup_key"], payload["severity"], payload["summary"]))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class Chat(ThreadingHTTPServer):
    """A real HTTP server in the place of Slack's webhooks; it keeps the texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        super().__init__(("127.0.0.1", 0), _ChatHandler)


class _ChatHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    """A chat that in-process runs write to; the webhook's address is the connection's password."""
    with Chat() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = {"conn_type": "slackwebhook", "password": f"http://127.0.0.1:{server.server_port}/services/T0/B0"}
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_CHAT", json.dumps(address))
        yield server
        server.shutdown()


@pytest.fixture
def pager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pager]:
    """A pager that in-process runs send to."""
    with Pager() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_PAGER", json.dumps({"conn_type": "http", "host": server.url}))
        yield server
        server.shutdown()


@pytest.mark.usefixtures("metadata_database")
def test_all_events_of_a_run_are_one_incident_that_its_success_resolves(
    dag_file: Path, pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files fail: two warnings, two pages, one key; cleared without the cause, the run resolves that key."""
    monkeypatch.setenv("SHOP_BROKEN_FILES", "bern.csv,oslo.csv")
    run = run_dag(dag_file)
    key = f"load_shop_files/{run.run_id}"
    assert {event[1] for event in pager.events} == {key}
    assert [event[2] for event in pager.events] == ["warning", "warning", "critical", "critical"]
    assert {event[3] for event in pager.events[2:]} == {f"load failed: {file}.csv has no header" for file in ("bern", "oslo")}
    monkeypatch.delenv("SHOP_BROKEN_FILES")
    pager.events.clear()
    rerun(dag_file, run.run_id)
    assert pager.events == [("resolve", key, "info", f"{run.run_id} is done")]


@pytest.mark.usefixtures("metadata_database")
def test_an_alert_that_the_pager_refuses_is_lost_and_the_run_looks_the_same(
    dag_file: Path, pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow calls a callback once and swallows its exception: only the record shows it."""
    monkeypatch.setenv("SHOP_BROKEN_FILES", "oslo.csv")
    pager.status = 503
    run = run_dag(dag_file)
    assert (run.state, len(pager.events)) == ("failed", 2)
    assert {call.error for call in run.observed.callbacks} == {"HTTPError: HTTP Error 503: Service Unavailable"}


@pytest.mark.usefixtures("metadata_database")
def test_a_retry_goes_to_the_chat_and_the_last_failure_to_the_pager_too(chat: Chat, tmp_path: Path) -> None:
    """Slack's notifier renders its text; a list of callbacks is called in order, each for itself."""
    file = tmp_path / "escalates.py"
    file.write_text(ESCALATES)
    run = run_dag(file, dag_id="escalates")
    assert chat.texts == ["try 1 of bern: bern.csv has no header", "load gave up"]
    assert [line for line in run.observed.log if "page load" in line] != []
    assert [call.kind for call in run.observed.callbacks] == ["on_retry", "on_failure", "on_failure"]


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_templated_notifier_sends_its_first_text_again(chat: Chat, tmp_path: Path) -> None:
    """In one process: it renders over its own attributes. Workers of a deployment have a process a task."""
    file = tmp_path / "escalates.py"
    file.write_text(ESCALATES)
    run_dag(file, dag_id="escalates_mapped")
    assert chat.texts == ["0 gave up", "0 gave up"]


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_chat_that_is_away_does_not_keep_the_pager_from_being_called(tmp_path: Path) -> None:
    """The error of one callback is swallowed and the next is called: here the connection is missing."""
    file = tmp_path / "escalates.py"
    file.write_text(ESCALATES)
    run = run_dag(file, dag_id="escalates")
    errors = [call.error for call in run.observed.callbacks]
    assert ([bool(error) for error in errors], "shop_chat" in errors[0]) == ([True, True, False], True)


def deadlines() -> list[str]:
    """DAG ids of the runs that have a deadline waiting."""
    from airflow import settings
    from airflow.models.deadline import Deadline
    from sqlalchemy import select

    return sorted(row.dagrun.dag_id for row in settings.Session().scalars(select(Deadline)))


@pytest.mark.usefixtures("metadata_database")
def test_a_run_without_a_logical_date_gets_no_deadline_by_logical_date(tmp_path: Path) -> None:
    """Nothing says so; DAGRUN_QUEUED_AT is the reference that every run has."""
    file = tmp_path / "deadlines.py"
    file.write_text(DEADLINES)
    register_dag_file(file)
    create_run("logical_date")
    create_run("queued_at")
    assert deadlines() == ["queued_at"]
    create_run("logical_date", datetime(2026, 3, 4))
    assert deadlines() == ["logical_date", "queued_at"]


@pytest.mark.usefixtures("metadata_database")
def test_a_run_that_failed_in_time_keeps_its_deadline(tmp_path: Path) -> None:
    """Success takes the deadline away, failure does not: it will be reported late long after it ended."""
    file = tmp_path / "deadlines.py"
    file.write_text(DEADLINES)
    run_dag(file, dag_id="queued_at")
    assert deadlines() == []
    run_dag(file, dag_id="queued_at", conf={"broken": True})
    assert deadlines() == ["queued_at"]


@pytest.mark.usefixtures("metadata_database")
def test_a_run_whose_deadline_waits_cannot_be_cleared(tmp_path: Path) -> None:
    """At 3.3.2 the code behind Clear reads the stored interval as a number; a run that succeeded in time has none left."""
    file = tmp_path / "deadlines.py"
    file.write_text(DEADLINES)
    failed = run_dag(file, dag_id="queued_at", conf={"broken": True})
    with pytest.raises(TypeError, match="unsupported type for timedelta seconds component: dict"):
        rerun(file, failed.run_id, dag_id="queued_at")


def callback_logs(airflow: LiveAirflow) -> str:
    """What callbacks on the executor logged: below logs/executor_callbacks/<dag_id>, and in no task's log."""
    logs = (airflow.home / "logs" / "executor_callbacks").rglob("*")
    return "\n".join(log.read_text(errors="replace") for log in logs if log.is_file())


@pytest.mark.slow
def test_late_runs_page_and_what_a_callback_cannot_do_where_it_runs(
    live_airflow: LiveAirflow, dag_file: Path, pager: Pager
) -> None:
    """SyncCallback may stand in the DAG file and may not read what the database holds; AsyncCallback must be importable."""
    connection = {"conn_type": "http", "host": pager.url}
    live_airflow.call("POST", "connections", connection | {"connection_id": "stored_pager"})
    by_environment = f"import os\nos.environ['AIRFLOW_CONN_SHOP_PAGER'] = {json.dumps(connection)!r}\n"
    source = dag_file.read_text().replace('os.environ.get("SHOP_LATE_AFTER")', '"1"')
    source = source.replace("import json\n", by_environment + "import json, time\n", 1)
    source = source.replace("        if file in", "        time.sleep(8)\n        if file in")
    with live_airflow.without("triggerer"):
        (live_airflow.home / "plugins").mkdir(exist_ok=True)
        (live_airflow.home / "plugins" / "shop_pager.py").write_text(SHOP_PAGER)
    live_airflow.add_dag_file("late.py", source, "load_shop_files")
    live_airflow.add_dag_file("pages.py", LIVE.replace("ADDRESS", repr(pager.url)), "in_dag_file", "in_plugins_folder", "asks")
    run = live_airflow.trigger("load_shop_files")
    for dag_id in ("in_dag_file", "in_plugins_folder", "asks"):
        live_airflow.trigger(dag_id)
    key = f"load_shop_files/{run}"
    expected = {
        ("trigger", key, "critical", f"{run} is late: running"),
        ("trigger", "in_plugins_folder", "critical", "{{ dag_run.dag_id }}"),
        ("resolve", key, "info", f"{run} is done"),
    }
    live_airflow.wait(lambda: expected <= set(pager.events), lambda: f"{pager.events}\n{callback_logs(live_airflow)}")
    denied = "Access denied for connection 'stored_pager' by Execution API"
    live_airflow.wait(lambda: denied in callback_logs(live_airflow), lambda: callback_logs(live_airflow))
    refused, log = "Failed to import the callable on the triggerer: unusual_prefix_", live_airflow.home / "triggerer.log"
    live_airflow.wait(lambda: refused in log.read_text(errors="replace"), lambda: live_airflow.log_end("triggerer"))
    assert len(pager.events) == len(expected)
