"""The service of `prod` gets its token, and the token is nowhere that Airflow stores or prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from run_dag import load_dag, run_dag
from scheduler_steps import register_dag_file, run_queued, trigger

TOKEN = "tok-7f3a9c51e2"


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str | None]]:
    """The Authorization headers that a real order service got; the `prod` connection points at it."""
    headers: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'[{"order_id": 1, "amount_cents": 7}]')

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        connection = {"conn_type": "http", "host": f"http://127.0.0.1:{server.server_port}", "password": TOKEN}
        monkeypatch.setenv("SHOP_DEPLOYMENT", "prod")
        monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", json.dumps(connection))
        yield headers
        server.shutdown()


@pytest.mark.usefixtures("metadata_database")
def test_local_deployment_needs_no_connection(dag_file: Path) -> None:
    """Without any variable the orders of the example's own file are summed."""
    assert run_dag(dag_file, None).xcoms == {"total_cents": 11649}


def test_token_reaches_the_service_and_nothing_else(
    dag_file: Path,
    metadata_database: Path,
    received: list[str | None],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Database bytes (serialized DAG, rendered fields, XComs), log records and output hold no token."""
    assert run_dag(dag_file, None).xcoms == {"total_cents": 7}
    assert received == [f"Bearer {TOKEN}"]
    stored = b"".join(path.read_bytes() for path in metadata_database.parent.glob("airflow.db*"))
    printed = "".join([*capfd.readouterr(), caplog.text])
    assert (b"sum_orders" in stored, "reading orders from" in printed) == (True, True)
    assert (TOKEN.encode() in stored, TOKEN in printed) == (False, False)


@pytest.mark.usefixtures("received")
def test_serialized_dag_holds_neither_token_nor_address(dag_file: Path) -> None:
    """Parsing looks nothing up, so the serialized DAG is the same in every deployment."""
    from airflow.serialization.serialized_objects import DagSerialization

    text = json.dumps(DagSerialization.serialize_dag(load_dag(dag_file)))
    assert (TOKEN in text, "127.0.0.1" in text, "total_cents" in text) == (False, False, True)


@pytest.mark.usefixtures("metadata_database")
def test_missing_connection_fails_the_first_try_and_is_named(
    dag_file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Three retries are configured and none is spent: waiting does not bring a connection."""
    monkeypatch.setenv("SHOP_DEPLOYMENT", "prod")
    register_dag_file(dag_file)
    run_id = trigger(dag_file)
    run, _ = run_queued(dag_file)[run_id]
    assert (run.state, run.tries) == ("failed", {"total_cents": 1})
    assert "set AIRFLOW_CONN_SHOP_API" in "".join(capfd.readouterr())
