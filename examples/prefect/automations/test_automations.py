"""An event starts the next pipeline with its data, groups are counted apart, and a failure is told once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest
from automation_firing import TRIGGERED, WAIT_SECONDS, actions_after
from finished_run import execute_and_read, run_and_read
from httpx import HTTPStatusError
from prefect import flow
from prefect.automations import Automation, RunDeployment
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.events import emit_event
from prefect_server import PrefectServer
from private_names import send_what_waits
from served_flow import served_flow
from server_events import read_events


class Slack(HTTPServer):
    """A webhook on loopback that keeps what is posted, and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[str] = []
        self.status = 200


class _Handler(BaseHTTPRequestHandler):
    server: Slack

    def do_POST(self) -> None:
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    """A server that SHOP_ALERT_URL names."""
    with Slack() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("SHOP_ALERT_URL", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


@pytest.fixture
def publish_id(clean_server: PrefectServer, example: ModuleType) -> UUID:
    return example.publish.to_deployment("published").apply()


@pytest.mark.slow
def test_a_load_starts_publish_with_its_rows(publish_id: UUID, example: ModuleType) -> None:
    """The announced number arrives as a number, and the run does its work."""
    [action] = actions_after(example.after_load(publish_id), lambda: example.load(3))
    assert (action.failure, action.flow_run.parameters) == (None, {"rows": 3})
    assert execute_and_read(example.publish, action.flow_run).result == "published 3"


@pytest.mark.slow
def test_a_failed_load_announces_nothing(publish_id: UUID, example: ModuleType) -> None:
    """The event comes after the work, so a failure starts nothing."""
    assert actions_after(example.after_load(publish_id), lambda: example.load(0, return_state=True)) == []


@pytest.mark.slow
def test_each_shop_is_counted_by_itself(publish_id: UUID, example: ModuleType) -> None:
    """Bern sold three times and basel twice: one group of three, no group of four; ungrouped, five sales hold one four."""
    shops = ["bern", "basel", "bern", "basel", "bern"]

    def sell() -> None:
        for shop in shops:
            emit_event("shop.sold", {"prefect.resource.id": shop})

    assert len(actions_after(example.three_in_a_minute(publish_id), sell)) == 1
    ungrouped = example.three_in_a_minute(publish_id)
    ungrouped.trigger.for_each, ungrouped.trigger.threshold = set(), 4
    assert len(actions_after(ungrouped, sell)) == 1
    grouped = example.three_in_a_minute(publish_id)
    grouped.trigger.threshold = 4
    assert actions_after(grouped, sell) == []


@pytest.mark.slow
def test_a_wrong_parameter_leaves_no_run(clean_server: PrefectServer, example: ModuleType) -> None:
    """Silent: a plain jinja template is text, the deployment wants a number, and only an event says so."""
    publish_id = example.publish.to_deployment("strict").apply()
    automation = example.after_load(publish_id)
    text = {"__prefect_kind": "jinja", "template": "{{ event.payload.rows }} rows"}
    automation.actions = [RunDeployment(source="selected", deployment_id=publish_id, parameters={"rows": text})]
    [action] = actions_after(automation, lambda: example.load(3))
    assert (action.flow_run, "rows" in str(action.failure)) == (None, True)


@pytest.mark.slow
def test_silence_is_told_and_a_load_is_not(publish_id: UUID, example: ModuleType) -> None:
    """Two tables are watched for ten seconds; the one that was loaded meanwhile starts nothing."""
    since = datetime.now(UTC)
    loaded, silent = (example.load_is_missing(name, publish_id, timedelta(seconds=10)).create() for name in ("loaded", "silent"))
    fired = {one.id: f"prefect.automation.{one.id}" for one in (loaded, silent)}
    try:
        while not read_events([TRIGGERED], fired[silent.id], since):
            assert datetime.now(UTC) - since < timedelta(seconds=WAIT_SECONDS), "nobody told of the silence"
            if not read_events([TRIGGERED], fired[loaded.id], since):
                emit_event("orders.loaded", {"prefect.resource.id": "loaded"})
            send_what_waits()
        assert read_events([TRIGGERED], fired[loaded.id], since) == []
    finally:
        loaded.delete()
        silent.delete()


@pytest.mark.slow
def test_creating_an_automation_again_makes_a_second(publish_id: UUID, example: ModuleType) -> None:
    """Silent: two of one name, two runs an event. Right: `Automation.read(name=...)` first."""
    made: list[Automation] = [example.after_load(publish_id).create() for _ in range(2)]
    with get_client(sync_client=True) as client:
        assert len(client.read_automations_by_name("publish after load")) == 2
    for automation in made:
        automation.delete()


def test_a_failure_is_posted_once(prefect_server: PrefectServer, example: ModuleType, slack: Slack) -> None:
    """The message names flow, run and reason; a success is silent."""
    failed = run_and_read(example.load, rows=0)
    run_and_read(example.load, rows=1)
    [text] = slack.posted
    assert text.startswith(f"load / {failed.flow_run.name} is Failed: ") and "no rows" in text


def test_a_broken_webhook_is_in_the_log_and_the_run_keeps_its_own_error(
    prefect_server: PrefectServer, example: ModuleType, slack: Slack
) -> None:
    """A hook that raises changes nothing but the log."""
    slack.status = 500
    run = run_and_read(example.load, rows=0)
    assert (run.state.name, str(run.result)) == ("Failed", "no rows")
    assert any("alert" in line for line in run.messages(40))


def test_run_deployment_returns_an_unfinished_run(prefect_server: PrefectServer, example: ModuleType) -> None:
    """Silent: with `timeout=0` it returns a Scheduled run at once; nothing raises for what becomes of it."""
    deployment_id = example.publish.to_deployment("asked").apply()

    @flow
    def caller() -> str:
        return run_deployment(deployment_id, parameters={"rows": 3}, timeout=0).state_name

    assert run_and_read(caller).result == "Scheduled"


@pytest.mark.slow
def test_another_pipeline_is_waited_for(clean_server: PrefectServer, example: ModuleType, tmp_path: Path) -> None:
    """A served flow answers; a failure of the other is a failure here."""
    text = "from prefect import flow\n@flow\ndef publish(rows: int = 0):\n    return 1 // (rows - 1)\n"
    (script := tmp_path / "serve_publish.py").write_text(f"{text}if __name__ == '__main__':\n    publish.serve('served')\n")
    with served_flow(script, "publish/served") as served:
        good = run_and_read(example.load_then_publish, deployment_id=served.deployment, rows=3)
        bad = run_and_read(example.load_then_publish, deployment_id=served.deployment, rows=1)
    assert (good.state.name, bad.state.name) == ("Completed", "Failed")
    assert "is Failed" in str(bad.result)


def test_any_program_starts_a_run_over_http(prefect_server: PrefectServer, example: ModuleType) -> None:
    """One POST; a wrong type is a 409, a misspelt name is taken."""
    path = f"/deployments/{example.publish.to_deployment('over-http').apply()}/create_flow_run"
    posted = [{"parameters": given} for given in ({"rows": 3}, {"rows": "many"}, {"rwos": 3})]
    assert [status_of_post(path, document) for document in posted] == [201, 409, 201]


def status_of_post(path: str, document: dict[str, object]) -> int:
    """Prefect's own client asks again what a busy SQLite answered with 503."""
    with get_client(sync_client=True) as client:
        try:
            return client.request("POST", path, json=document).status_code
        except HTTPStatusError as error:
            return error.response.status_code
