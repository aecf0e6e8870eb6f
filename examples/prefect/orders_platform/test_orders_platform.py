"""One run a day that retries, gates, loads in one transaction and tells of its failure; a backfill goes on after a bad day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest
from finished_run import run_and_read
from without_waiting import declared_delays, without_waiting

DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]
FIRST = date(2026, 3, 1)
GOOD = {"order_id": 9, "ordered_on": DAYS[0], "product": "mocha", "quantity": 1, "updated_at": f"{DAYS[0]}T08:00:00"}
BAD = {**GOOD, "order_id": 10, "product": "decaf"}


@dataclass
class Shop:
    """API and chat in one server: `statuses` are answered first, then 200 with `rows`; `texts` are the alerts."""

    rows: list[dict[str, object]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


@pytest.fixture
def shop(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The server on a free loopback port, and the environment that leads to it; no retry waits."""
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            [day] = parse_qs(urlsplit(self.path).query)["day"]
            status = shop.statuses.pop(0) if shop.statuses else 200
            shop.asked.append((day, status))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({day: shop.rows}).encode())

        def do_POST(self) -> None:
            shop.texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, without_waiting(example.extract):
        Thread(target=server.serve_forever, daemon=True).start()
        for name in ("ORDERS_API", "ALERT_WEBHOOK"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
        yield shop
        server.shutdown()


def stored(query: str) -> list[tuple]:
    """Rows of the shop's database."""
    with duckdb.connect("shop_data.duckdb") as database:
        return database.execute(query).fetchall()


def test_a_backfill_of_the_file_gives_the_totals(example: ModuleType) -> None:
    """Without an API the file stands in; the totals hold the late change of order 1."""
    assert run_and_read(example.backfill).state.name == "Completed"
    assert [cents for (cents,) in stored("SELECT cents FROM orders_by_day ORDER BY day")] == [1550, 1510, 600]


@pytest.mark.parametrize(("statuses", "asked"), [([503], [503, 200]), ([503] * 9, [503] * 4), ([404], [404])])
def test_only_an_overloaded_api_is_asked_again(example: ModuleType, shop: Shop, statuses: list[int], asked: list[int]) -> None:
    """503 up to four times, 404 once; an end in failure is told once."""
    shop.rows, shop.statuses = [GOOD], statuses
    run = run_and_read(example.orders_platform, day=FIRST)
    succeeds = asked[-1] == 200
    assert (run.state.name, shop.asked) == ("Completed" if succeeds else "Failed", [(DAYS[0], status) for status in asked])
    assert [text.split(",")[0] for text in shop.texts] == ([] if succeeds else ["orders-platform failed"])


@pytest.mark.parametrize(("rows", "loaded"), [([GOOD, BAD], [(9,)]), ([GOOD, BAD, BAD], [])])
def test_too_many_bad_rows_stop_the_load(example: ModuleType, shop: Shop, rows: list[dict], loaded: list[tuple]) -> None:
    """One of two is a dead letter; two of three leave the tables as they were."""
    run_and_read(example.orders_platform, day=date(2026, 3, 9))  # an empty day makes the tables
    shop.rows = rows
    run = run_and_read(example.orders_platform, day=FIRST)
    assert run.task_states.get("load", []) == (["Completed"] if loaded else [])
    assert (stored("SELECT order_id FROM orders"), len(stored("FROM dead_letters"))) == (loaded, len(loaded))


def test_a_load_that_breaks_leaves_no_half(example: ModuleType, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the last statement takes the dead letters and orders of the day back."""
    run_and_read(example.orders_platform, day=date(2026, 3, 9))
    shop.rows = [GOOD, BAD]
    monkeypatch.setattr(example, "TOTALS", "SELECT error('broken')")
    assert run_and_read(example.orders_platform, day=FIRST).state.name == "Failed"
    assert (stored("FROM orders"), stored("FROM dead_letters")) == ([], [])


def test_a_bad_day_does_not_stop_the_backfill(example: ModuleType, shop: Shop) -> None:
    """The first day is refused, the others are loaded, and the backfill is Failed with the day's name."""
    shop.statuses = [404]
    run = run_and_read(example.backfill)
    assert (run.state.name, run.state.message) == ("Failed", f"failed: {DAYS[0]}")
    assert shop.asked == [(DAYS[0], 404), (DAYS[1], 200), (DAYS[2], 200)]


def test_a_run_without_a_day_loads_the_day_before_it_was_due(example: ModuleType, shop: Shop) -> None:
    """A schedule passes no day."""
    run = run_and_read(example.orders_platform)
    yesterday = (run.flow_run.expected_start_time - timedelta(days=1)).date()
    assert (shop.asked, yesterday < datetime.now(UTC).date()) == ([(str(yesterday), 200)], True)


def test_delays_double(example: ModuleType) -> None:
    """5, 10 and 20 seconds unless RETRY_SECONDS says otherwise."""
    assert declared_delays(example.extract) == [5, 10, 20]
