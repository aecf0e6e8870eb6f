"""Requests are counted at a real server: 503 is retried up to the limit, 400 never; waits grow and are capped.

The waits are the ones Airflow computes; the harness records them instead of sleeping.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from scheduler_steps import register_dag_file, run_queued, trigger

PRICES = {"espresso": 250}


@dataclass
class PriceServer:
    """Answers with `failures` first, one status a request, then with the prices; counts what it was asked."""

    failures: list[int]
    url: str = ""
    statuses: list[int] = field(default_factory=list)

    def answer(self) -> int:
        """The status of the next request."""
        asked = len(self.statuses)
        self.statuses.append(self.failures[asked] if asked < len(self.failures) else 200)
        return self.statuses[-1]


@contextmanager
def serve(failures: list[int]) -> Iterator[PriceServer]:
    """Run a PriceServer on a free loopback port."""
    prices = PriceServer(failures)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(prices.answer())
            self.end_headers()
            self.wfile.write(json.dumps(PRICES).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        prices.url = f"http://127.0.0.1:{server.server_port}/prices.json"
        yield prices
        server.shutdown()


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(
    ("failures", "state", "statuses"),
    [
        ([503, 503], "success", [503, 503, 200]),
        ([400], "failed", [400]),
        ([503, 404], "failed", [503, 404]),
        ([503] * 9, "failed", [503] * 5),
    ],
)
def test_only_what_can_succeed_is_retried(
    dag_file: Path, monkeypatch: pytest.MonkeyPatch, failures: list[int], state: str, statuses: list[int]
) -> None:
    """The number of requests is one per try that made sense; each retry waits longer, 10 seconds at most."""
    register_dag_file(dag_file)
    with serve(failures) as prices:
        monkeypatch.setenv("SHOP_PRICES_URL", prices.url)
        run_id = trigger(dag_file)
        run, waits = run_queued(dag_file)[run_id]
    assert (run.state, prices.statuses) == (state, statuses)
    assert run.xcoms.get("fetch") == (PRICES if state == "success" else None)
    bounds = [(2, 4), (4, 8), (8, 10), (10, 10)][: len(statuses) - 1]
    seconds = [wait / timedelta(seconds=1) for wait in waits.get("fetch", [])]
    assert [low <= wait <= high for wait, (low, high) in zip(seconds, bounds, strict=True)] == [True] * len(bounds)
