"""Messages that Slack's client gives up, and those that Dagster's own sensor sends too often."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest
from daemon_turns import running_daemon
from dagster_slack import SlackResource, make_slack_on_run_failure_sensor
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler, ServerErrorRetryHandler

START, ON = datetime(2026, 3, 1, tzinfo=UTC), dg.DefaultSensorStatus.RUNNING


class Slack(HTTPServer):
    """Stands in for Slack's API: `statuses` are answered first, then 200; `asked` are the bodies of all requests."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(json.dumps({"ok": status == 200, "error": "no"}).encode())

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [429, 500])
def test_trap_slacks_client_gives_up_at_once(slack: Slack, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """One answer of 429 or 500 loses the message; with the two handlers it is sent again."""
    url = f"http://127.0.0.1:{slack.server_port}/api/"
    client = SlackResource(token="xoxb-1").get_client()
    monkeypatch.setattr(client, "base_url", url)
    slack.statuses = [status]
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="#shop-data", text="load fails")
    client.retry_handlers += [ServerErrorRetryHandler(max_retry_count=3), RateLimitErrorRetryHandler(max_retry_count=3)]
    slack.statuses = [status]
    assert (client.chat_postMessage(channel="#shop-data", text="load fails")["ok"], len(slack.asked)) == (True, 3)


def test_trap_dagsters_slack_sensor_tells_of_every_run(
    stored_instance: dg.DagsterInstance, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two failures are two messages, though Dagster will retry both runs; a sensor that reads the tag tells of none."""
    token, _, *others = WebClient.__init__.__defaults__  # the sensor takes no address: that of its client is a default
    monkeypatch.setattr(WebClient.__init__, "__defaults__", (token, f"http://127.0.0.1:{slack.server_port}/api/", *others))
    told: list[str] = []

    @dg.run_failure_sensor(default_status=ON)
    def job_fails(context: dg.RunFailureSensorContext) -> None:
        if context.dagster_run.tags.get("dagster/will_retry") != "true":
            told.append(context.dagster_run.run_id)

    orders = dg.asset(lambda: 1 / 0, name="orders")
    job = dg.define_asset_job("load", [orders], tags={"dagster/will_retry": "true"})
    on = dg.DefaultScheduleStatus.RUNNING
    minutely = dg.ScheduleDefinition(job=job, cron_schedule="* * * * *", default_status=on)
    built = make_slack_on_run_failure_sensor("#shop-data", "xoxb-1", text_fn=lambda context: "load fails", default_status=ON)
    with running_daemon(dg.Definitions([orders], [minutely], [built, job_fails]), stored_instance, START) as daemon:
        for minute in range(4):
            daemon.turn(START + timedelta(minutes=minute))
    assert ([json.loads(body)["text"] for body in slack.asked], told) == (["load fails"] * 2, [])
