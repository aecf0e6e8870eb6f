"""One run a day that retries, gates, loads in one transaction and tells of its failure; a range of days is a backfill."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType

import dagster as dg
import duckdb
import pytest
from daemon_turns import running_daemon
from flaky_api import FlakyApi, running_api
from retry_waits import skip_retry_waits
from run_assets import run_job
from run_backfills import run_backfill

DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]
GOOD = {"order_id": 9, "ordered_on": DAYS[0], "product": "mocha", "quantity": 1, "updated_at": f"{DAYS[0]}T08:00:00"}
BAD = {**GOOD, "order_id": 10, "product": "decaf"}


def stored(query: str) -> list[tuple]:
    """Rows of the shop's database."""
    with duckdb.connect("shop_data.duckdb") as shop:
        return shop.execute(query).fetchall()


@contextmanager
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The texts that a server in the place of the chat gets."""
    texts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("ALERT_WEBHOOK", f"http://127.0.0.1:{server.server_port}")
        yield texts
        server.shutdown()


def test_a_backfill_is_one_run_a_day(example: ModuleType, stored_instance: dg.DagsterInstance) -> None:
    """Three partitions are three runs, and the daily totals hold the late change of order 1."""
    done = run_backfill(example.defs, stored_instance, "*", DAYS)
    assert (done.status, done.partitions) == ("COMPLETED_SUCCESS", DAYS)
    assert [cents for (cents,) in stored("SELECT cents FROM orders_by_day ORDER BY day")] == [1550, 1510, 600]


@pytest.mark.parametrize(("statuses", "asked"), [([503, 200], [503, 200]), ([503], [503] * 4), ([404], [404])])
def test_only_an_overloaded_api_is_asked_again(
    example: ModuleType, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, statuses: list[int], asked: list[int]
) -> None:
    """503 up to four times, 404 once."""
    skip_retry_waits(monkeypatch)
    with running_api(FlakyApi(statuses, {DAYS[0]: [GOOD]})) as api:
        monkeypatch.setenv("ORDERS_API", api.url)
        run = run_job(example.defs, "load_day", instance, partition=DAYS[0])
    assert (run.status, api.answered) == ("SUCCESS" if asked[-1] == 200 else "FAILURE", asked)


@pytest.mark.parametrize(("rows", "loaded"), [([GOOD, BAD], [(9,)]), ([GOOD, BAD, BAD], [])])
def test_too_many_bad_rows_stop_the_load(
    example: ModuleType, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, rows: list[dict], loaded: list[tuple]
) -> None:
    """One of two is a dead letter; two of three leave the tables as they were."""
    run_job(example.defs, "load_day", instance, partition="2026-03-09")  # an empty day makes the tables
    with running_api(FlakyApi([200], {DAYS[0]: rows})) as api:
        monkeypatch.setenv("ORDERS_API", api.url)
        run = run_job(example.defs, "load_day", instance, partition=DAYS[0])
    assert run.steps["shop_tables"] == ("success" if loaded else "not started")
    assert run.checks["gated_orders:few_bad_rows"].passed == bool(loaded)
    assert (stored("SELECT order_id FROM orders"), len(stored("FROM dead_letters"))) == (loaded, len(loaded))


def test_a_load_that_breaks_leaves_no_half(
    example: ModuleType, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the last statement takes the dead letters and orders of the day back."""
    run_job(example.defs, "load_day", instance, partition="2026-03-09")
    monkeypatch.setattr(example, "TOTALS", "SELECT error('broken')")
    assert run_job(example.defs, "load_day", instance, partition=DAYS[1]).status == "FAILURE"
    assert (stored("FROM orders"), stored("FROM dead_letters")) == ([], [])


def test_a_failed_day_of_the_schedule_is_told(
    example: ModuleType, stored_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The midnight tick runs yesterday's partition, and the next turn of the sensor posts its failure once."""
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    with webhook(monkeypatch) as texts, running_api(FlakyApi([404])) as api:
        monkeypatch.setenv("ORDERS_API", api.url)
        with running_daemon(example.defs, stored_instance, midnight - timedelta(hours=1)) as daemon:
            daemon.turn(midnight - timedelta(minutes=50))
            [tick] = [tick for tick in daemon.turn(midnight) if tick.runs]
            for minutes in (1, 2):
                daemon.turn(midnight + timedelta(minutes=minutes))
    assert tick.partitions == [DAYS[1]]
    assert [text.split(":")[0] for text in texts] == [f"load_day failed for {DAYS[1]}"]
