"""PagerDuty's notifier opens one incident per DAG and resolves it, and each way to lose a page without a word is shown."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pagerduty
import pytest
from airflow.providers.pagerduty.notifications.pagerduty import PagerdutyNotifier
from airflow.sdk import DAG, task
from live_airflow import LiveAirflow
from run_dag import FinishedRun, run_dag

sys.path.append(str(Path(__file__).parent))  # for the server
from pagerduty_events_api import PagerDuty, running_pagerduty

KEY = "0f" * 16
ONLY_A_KEY = {"integration_key": "in-the-dag-file", "pagerduty_events_conn_id": None}
DAG_ID = "load_with_pagerduty"
EXAMPLE = Path(__file__).with_name("pagerduty_incidents.py")
TRAPS = Path(__file__)


class EuropePager(PagerdutyNotifier):
    """For accounts in the EU: the hook's client has one address, so this makes its own."""

    def notify(self, context: Any) -> None:
        """Send by the client, to its other host."""
        client = pagerduty.EventsApiV2Client(self.hook.integration_key, base_url="https://events.eu.pagerduty.com")
        client.trigger(self.summary, self.source, self.dedup_key, self.severity)


def show_key(context: Any) -> None:
    """What a callback prints is in the task's log."""
    print("in the connection:", PagerdutyNotifier(**event(), pagerduty_events_conn_id="shop_pagerduty").hook.integration_key)
    print("in the DAG file:", PagerdutyNotifier(**event(), **ONLY_A_KEY).hook.integration_key)


def event(**own: Any) -> dict[str, Any]:
    """The two arguments that every event has."""
    return {"summary": "load failed", "severity": "critical"} | own


CALLBACKS = {
    "shows_key": show_key,
    "no_key": PagerdutyNotifier(**event(), pagerduty_events_conn_id="shop_pagerduty"),
    "resolves_nothing": PagerdutyNotifier(**event(action="resolve"), pagerduty_events_conn_id="shop_pagerduty"),
    "key_and_default": PagerdutyNotifier(**event(), integration_key=KEY),
    "template": PagerdutyNotifier(**event(), **ONLY_A_KEY | {"integration_key": "{{ conn.shop_pagerduty.password }}"}),
    "other_type": PagerdutyNotifier(**event(), pagerduty_events_conn_id="shop_rest_api"),
    "whole_error": PagerdutyNotifier(**event(summary="{{ exception }}"), pagerduty_events_conn_id="shop_pagerduty"),
    "long_key": PagerdutyNotifier(**event(dedup_key="{{ dag.dag_id }}/" + "r" * 250), pagerduty_events_conn_id="shop_pagerduty"),
    "united_states": PagerdutyNotifier(**event(), pagerduty_events_conn_id="shop_europe"),
    "europe": EuropePager(**event(dedup_key="{{ dag.dag_id }}"), pagerduty_events_conn_id="shop_pagerduty"),
}
for name, callback in CALLBACKS.items():
    with DAG(f"pagerduty_traps_{name}", default_args={"on_failure_callback": callback}):

        @task
        def load() -> None:
            raise ValueError("no header " * 200)

        load()


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PagerDuty]:
    """PagerDuty for runs in this process, reached as through a company's proxy; the client waits 0 s between its tries."""
    connections = {
        "SHOP_PAGERDUTY": {"conn_type": "pagerduty_events", "password": KEY},
        "SHOP_REST_API": {"conn_type": "pagerduty", "password": "a-rest-token", "extra": {"routing_key": KEY}},
        "SHOP_EUROPE": {"conn_type": "pagerduty_events", "password": KEY, "host": "https://events.eu.pagerduty.com"},
    }
    with running_pagerduty(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        for name, connection in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
        monkeypatch.setattr(pagerduty.ApiClient, "sleep_timer", 0.0)
        yield server


def run_example(*broken: str) -> FinishedRun:
    """One run of the example; these files cannot be read."""
    return run_dag(EXAMPLE, dag_id=DAG_ID, conf={"broken": list(broken)})


def fail(name: str) -> tuple[str | None, str]:
    """What the callback of a DAG above raised, and the log of its run, which fails whatever the callback does."""
    run = run_dag(TRAPS, dag_id=f"pagerduty_traps_{name}")
    assert (run.state, run.task_states) == ("failed", {"load": "failed"})
    return run.observed.callbacks[-1].error, "\n".join(run.observed.log)


@pytest.mark.usefixtures("metadata_database")
def test_all_failures_of_a_dag_are_one_incident_that_its_next_success_resolves(pager: PagerDuty) -> None:
    """Two runs fail; the third resolves though both stay failed; the fourth opens another incident."""
    for file in ("bern.csv", "oslo.csv"):
        assert run_example(file).state == "failed"
    (first,) = pager.incidents
    texts = [f"load failed: no header in {file}.csv" for file in ("bern", "oslo")]
    assert (first.key, first.summaries, first.is_open) == (DAG_ID, texts, True)
    run_example()
    assert (len(pager.incidents), first.is_open) == (1, False)
    run_example("oslo.csv", "n" * 2000)
    assert [incident.is_open for incident in pager.incidents] == [False, True]


@pytest.mark.usefixtures("metadata_database")
def test_trap_without_a_dedup_key_each_failure_is_an_incident_that_nothing_resolves(pager: PagerDuty) -> None:
    """A trigger event goes out without one; a resolve event is refused by the provider, in the callback's log only."""
    assert (fail("no_key")[0], fail("no_key")[0]) == (None, None)
    assert [len(incident.summaries) for incident in pager.incidents] == [1, 1]
    error, log = fail("resolves_nothing")
    assert error.startswith("ValueError: The dedup_key property is required for action=resolve events")
    assert ("Failed to send notification (sync): The dedup_key" in log, len(pager.events)) == (True, 2)


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(("answers", "sent"), [([500], 2), ([500] * 3, 3), ([429] * 12, 13)])
def test_what_pagerduty_answers_never_changes_the_run(pager: PagerDuty, answers: list[int], sent: int) -> None:
    """500 is tried three times in all, 429 without end and without a warning; the run is as it would be."""
    pager.answers = answers.copy()
    error, log = fail("no_key")
    lost = len(answers) == sent
    assert (len(pager.events), len(pager.incidents)) == (sent, 0 if lost else 1)
    assert (error or "").startswith("ServerHttpError: ") == lost
    assert ("HTTP error (500); retrying" in log, "rate limit" in log) == (500 in answers, False)


@pytest.mark.usefixtures("metadata_database")
def test_an_incident_that_cannot_be_resolved_leaves_the_run_a_success(pager: PagerDuty) -> None:
    """And stays open until the next success: a resolve event is sent once, by the dag-processor."""
    run_example("oslo.csv")
    pager.answers = [500] * 3
    run = run_example()
    assert (run.state, pager.incidents[0].is_open) == ("success", True)
    assert run.observed.callbacks[-1].error.startswith("ServerHttpError: ")


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("whole_error", "'summary' is too long"),
        ("long_key", "'dedup_key' is too lo"),
        ("template", "Length of 'routing_ke"),
        ("other_type", "Length of 'routing_ke"),
        ("key_and_default", "The conn_id `pagerduty_events_default` isn't defined"),
    ],
)
def test_trap_refused_for_good(pager: PagerDuty, name: str, reason: str) -> None:
    """Not tried again, no import error, and not seen before the first failure; the key beside a default that is missing too."""
    error, log = fail(name)
    assert (reason in error, f"Failed to send notification (sync): {error.split(': ', 1)[1]}" in log) == (True, True)
    assert (len(pager.events), pager.incidents) == (name != "key_and_default", [])


@pytest.mark.usefixtures("metadata_database")
def test_the_key_of_the_connection_is_masked_and_one_in_the_dag_file_is_not(pager: PagerDuty) -> None:
    """So is the key in what the client logs and raises."""
    _, log = fail("shows_key")
    assert ("in the connection: ***" in log, "in the DAG file: in-the-dag-file" in log) == (True, True)
    _, log = fail("other_type")
    assert (KEY in log, "a-rest-token" in log) == (False, False)


@pytest.mark.usefixtures("metadata_database")
def test_silent_the_host_of_the_connection_is_not_read(pager: PagerDuty) -> None:
    """An event of an account in the EU goes through the US; the client takes another address where the provider does not."""
    assert (fail("united_states")[0], fail("europe")[0]) == (None, None)
    assert pager.hosts == ["events.pagerduty.com", "events.eu.pagerduty.com"]
    assert pager.incidents[1].key == "pagerduty_traps_europe"


def test_trap_on_the_triggerer_the_notifier_takes_no_proxy(pager: PagerDuty, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a deadline's AsyncCallback it uses aiohttp: with a proxy that is away for both, this one arrives."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    notifier = PagerdutyNotifier(**event(dedup_key="late"), pagerduty_events_conn_id="shop_pagerduty", context={})
    notifier.hook_async.base_url = pager.url

    async def send() -> None:
        await notifier

    asyncio.run(send())
    assert [incident.key for incident in pager.incidents] == ["late"]
    with pytest.raises(pagerduty.Error, match="Non-transient network error"):
        notifier({})


@pytest.mark.slow
def test_a_pager_that_throttles_keeps_the_failed_task_running_until_it_is_killed(
    live_airflow: LiveAirflow, pager: PagerDuty
) -> None:
    """Its overtime of 20 s ends the wait, not PagerDuty; with answers, the dag-processor sends the templated resolve event."""
    own = pager.environment | {"AIRFLOW_CONN_SHOP_PAGERDUTY": json.dumps({"conn_type": "pagerduty_events", "password": KEY})}
    source = EXAMPLE.read_text().replace("\nfrom airflow", f"\nimport os\nos.environ.update({own!r})\nfrom airflow", 1)
    live_airflow.add_dag_file("pagerduty_incidents.py", source, DAG_ID)
    pager.answers = [429] * 1000
    failed = live_airflow.trigger(DAG_ID, {"broken": ["oslo.csv"]})
    live_airflow.wait(lambda: pager.events, lambda: live_airflow.task_log(DAG_ID, failed, "load"))
    assert live_airflow.tasks(DAG_ID, failed)["load"] == "running"
    assert live_airflow.wait_for_run(DAG_ID, failed) == (failed, "failed")
    said = "Task success overtime reached; terminating process"
    assert (pager.incidents, said in (live_airflow.home / "scheduler.log").read_text(errors="replace")) == ([], True)
    assert "overtime" not in live_airflow.task_log(DAG_ID, failed, "load")
    pager.answers.clear()
    live_airflow.wait_for_run(DAG_ID, live_airflow.trigger(DAG_ID, {"broken": ["oslo.csv"]}))
    assert [incident.is_open for incident in pager.incidents] == [True]
    live_airflow.wait_for_run(DAG_ID, live_airflow.trigger(DAG_ID))
    live_airflow.wait(lambda: not pager.incidents[0].is_open, lambda: live_airflow.log_end("dag-processor"))
