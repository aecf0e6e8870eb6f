"""One run a day that retries, gates, loads in one transaction and tells of its failure."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest
from run_dag import FinishedRun, run_dag
from scheduler_steps import create_due_runs, register_dag_file, run_queued

DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]
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
def shop(metadata_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The server on a free loopback port, the environment that leads to it, an empty folder to work in."""
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

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for name in ("ORDERS_API", "ALERT_WEBHOOK"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
        monkeypatch.chdir(tmp_path)
        yield shop
        server.shutdown()


def load(dag_file: Path, day: str) -> FinishedRun:
    """The run of one day, as its schedule would date it."""
    return run_dag(dag_file, datetime.fromisoformat(day).replace(tzinfo=UTC))


def stored(query: str) -> list[tuple]:
    """Rows of the shop's database."""
    with duckdb.connect("shop_data.duckdb") as database:
        return database.execute(query).fetchall()


def test_the_days_of_the_file_give_the_totals(dag_file: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an API the file stands in; the totals hold the late change of order 1."""
    monkeypatch.delenv("ORDERS_API")
    assert [load(dag_file, day).state for day in DAYS] == ["success"] * 3
    assert [cents for (cents,) in stored("SELECT cents FROM orders_by_day ORDER BY day")] == [1550, 1510, 600]


@pytest.mark.parametrize(("statuses", "asked"), [([503], [503, 200]), ([503] * 9, [503] * 4), ([404], [404])])
def test_only_an_overloaded_api_is_asked_again(dag_file: Path, shop: Shop, statuses: list[int], asked: list[int]) -> None:
    """503 up to four times, 404 once; an end in failure is told once."""
    shop.rows, shop.statuses = [GOOD], statuses
    run = load(dag_file, DAYS[0])
    succeeds = asked[-1] == 200
    assert (run.state, shop.asked) == ("success" if succeeds else "failed", [(DAYS[0], status) for status in asked])
    assert [text.split(" for ")[0] for text in shop.texts] == ([] if succeeds else ["extract failed"])


@pytest.mark.parametrize(("rows", "loaded"), [([GOOD, BAD], [(9,)]), ([GOOD, BAD, BAD], [])])
def test_too_many_bad_rows_stop_the_load(dag_file: Path, shop: Shop, rows: list[dict], loaded: list[tuple]) -> None:
    """One of two is a dead letter; two of three leave the tables as they were."""
    load(dag_file, "2026-03-09")  # an empty day makes the tables
    shop.rows = rows
    assert load(dag_file, DAYS[0]).task_states["load"] == ("success" if loaded else "upstream_failed")
    assert (stored("SELECT order_id FROM orders"), len(stored("FROM dead_letters"))) == (loaded, len(loaded))


def test_a_load_that_breaks_leaves_no_half(dag_file: Path, shop: Shop, tmp_path: Path) -> None:
    """An error in the last statement takes the dead letters and orders of the day back."""
    load(dag_file, "2026-03-09")
    shop.rows = [GOOD, BAD]
    broken = Path(shutil.copytree(dag_file.parent, tmp_path / "broken")) / "dag.py"
    broken.write_text(broken.read_text().replace("SELECT ordered_on, count()", "SELECT error('broken'), count()"))
    assert load(broken, DAYS[0]).task_states["load"] == "failed"
    assert (stored("FROM orders"), stored("FROM dead_letters")) == ([], [])


def test_a_scheduled_run_loads_the_day_that_has_ended(dag_file: Path, shop: Shop) -> None:
    """The latest run that is due asks for yesterday; with a plain cron string it would ask for today."""
    yesterdays = [datetime.now(UTC).date() - timedelta(days=1)]
    register_dag_file(dag_file)
    create_due_runs()
    [(run, _)] = run_queued(dag_file).values()
    yesterdays.append(datetime.now(UTC).date() - timedelta(days=1))  # midnight may have passed
    assert (run.state, len(shop.asked)) == ("success", 1)
    assert shop.asked[0] in [(str(day), 200) for day in yesterdays]
