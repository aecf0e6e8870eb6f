"""The session's server is a real one, is the configured one where there is one, and leaves nothing running."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import prefect_server as harness
import pytest
from finished_run import run_and_read
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.settings import PREFECT_SERVER_ALLOW_EPHEMERAL_MODE as EPHEMERAL
from prefect_server import PrefectServer, client_settings, configured_server, running_server


@pytest.mark.slow
def test_flows_of_this_process_are_on_the_server(prefect_server: PrefectServer) -> None:
    """A run of this process is read back by another process, which finds the server in the environment."""
    name = flow(name="seen-elsewhere")(lambda: 1)(return_state=True).state_details.flow_run_id
    code = (
        "from prefect.client.orchestration import get_client\n"
        f"with get_client(sync_client=True) as c: print(c.read_flow_run('{name}').state.name)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "Completed"


@pytest.mark.slow
def test_the_configured_server_is_used(prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PREFECT_API_URL on loopback that answers is taken, with no process id to end; silence and other hosts are not."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server.api_url)
    assert configured_server(tmp_path) == PrefectServer(prefect_server.api_url, tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert configured_server(tmp_path) is None
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.invalid/api")
    assert configured_server(tmp_path) is None


@task
def one() -> int:
    """A task whose runs a server must know."""
    return 1


@flow
def count() -> int:
    """Called plainly, it leaves the thread behind that sends task runs."""
    return one()


def test_something_else_on_the_port_is_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An HTTP server that knows no /api/health is not taken for Prefect."""
    other = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=other.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{other.server_port}/api")
    found = configured_server(tmp_path)
    other.shutdown()
    other.server_close()
    assert found is None


@pytest.mark.slow
def test_settings_are_restored(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """After the block neither the environment nor Prefect's settings name the inner server."""
    before = (os.environ["PREFECT_API_URL"], PREFECT_API_URL.value())
    with client_settings(PrefectServer("http://127.0.0.1:9/api", tmp_path)):
        inside = (os.environ["PREFECT_API_URL"], PREFECT_API_URL.value())
    assert inside == ("http://127.0.0.1:9/api", "http://127.0.0.1:9/api")
    assert (os.environ["PREFECT_API_URL"], PREFECT_API_URL.value()) == before


@pytest.mark.slow
def test_a_thread_that_copies_no_context_is_on_the_server_too(prefect_server: PrefectServer) -> None:
    """Libraries start such threads (a pool's reports, dbt's log lines); elsewhere they would start a server of their own."""
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.extend(setting.value() for setting in (PREFECT_API_URL, EPHEMERAL)))
    thread.start()
    thread.join()
    assert seen == [prefect_server.api_url, False]


@pytest.mark.slow
def test_a_flow_that_finds_no_server_fails_at_once(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Nothing boots a server by accident: a dead URL is an error of the flow's call."""
    with (
        client_settings(PrefectServer("http://127.0.0.1:9/api", tmp_path)),
        pytest.raises(RuntimeError, match="Failed to reach API"),
    ):
        flow(name="nowhere")(lambda: 1)()


def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error holds the end of the server's own log."""
    monkeypatch.setattr(harness, "ENVIRONMENT", harness.ENVIRONMENT | {"PREFECT_SERVER_API_PORT": "no number"})
    with pytest.raises(RuntimeError, match=r"(?s)ended with exit code 1.*ServerAPISettings\nport"):
        with running_server(tmp_path):
            pass


@pytest.mark.slow
def test_the_server_is_gone_after_its_block(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Inside, task runs reach it, whatever ran before; afterwards its process has ended and its files lie in the folder."""
    with running_server(tmp_path) as server:
        count()
        with client_settings(server), get_client(sync_client=True) as client:
            assert client.read_flows() == []
            assert run_and_read(count).task_states == {"one": ["Completed"]}
        count()
        with temporary_settings({PREFECT_API_URL: server.api_url}):  # silent: the sending thread keeps its first address
            lost = run_and_read(count)
        assert (lost.state.name, lost.task_states) == ("Completed", {})
    assert run_and_read(count).task_states == {"one": ["Completed"]}
    assert server.pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)
    assert {"prefect.db", "server.log"} <= {path.name for path in tmp_path.iterdir()}
