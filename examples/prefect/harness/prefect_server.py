"""One real Prefect server for a pytest session, and settings that point this process at it.

Real: the server of the installed version (`prefect server start`), its SQLite database and migrations, HTTP
on a free loopback port, its background services (scheduler, automations, late runs), and the flow and task
engines that run in the test process.
Simulated: nothing. Absent: the UI, workers (a test executes a scheduled run itself with `run_flow`),
analytics, and the heartbeat thread of flow runs, which costs a synchronous flow up to a second at its end.

    with running_server(folder) as server, client_settings(server):
        my_flow()
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)

START_SECONDS = 180  # a first start migrates an empty database: 10 s idle, 35 s on a busy machine
STOP_SECONDS = 20
ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.5",  # seconds; 5 unless told
}


@dataclass(frozen=True)
class PrefectServer:
    """A running server: the URL of its API, its process id, its PREFECT_HOME and its log."""

    api_url: str
    pid: int
    home: Path
    log: Path


@contextmanager
def running_server(folder: Path) -> Iterator[PrefectServer]:
    """Start a server that keeps everything it writes in `folder`; end it by its process id on exit.

    Raises RuntimeError with the end of the server's log when it is not healthy after START_SECONDS.
    """
    port = _free_port()
    log = folder / "server.log"
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--no-ui",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=_server_environment(folder), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    server = PrefectServer(f"http://127.0.0.1:{port}/api", process.pid, folder, log)
    try:
        _wait_until_healthy(process, server)
        yield server
    finally:
        _stop(process)


@contextmanager
def client_settings(server: PrefectServer) -> Iterator[None]:
    """Point flows of this process, and the processes it starts, at `server`; restore everything on exit."""
    exported = ENVIRONMENT | {"PREFECT_API_URL": server.api_url, "PREFECT_HOME": str(server.home)}
    before = {name: os.environ.get(name) for name in exported}
    os.environ.update(exported)
    try:
        with temporary_settings(_settings_of_this_process(server)):
            yield
            EventsWorker.drain_all()
            APILogWorker.drain_all()
    finally:
        _restore(before)


def _settings_of_this_process(server: PrefectServer) -> dict[Any, Any]:
    """The same as the exported variables, again: Prefect reads the environment once, when it is imported."""
    return {
        PREFECT_API_URL: server.api_url,
        PREFECT_HOME: server.home,
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False,
        PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore",
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,  # an environment variable cannot say None, and 0 is refused
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _server_environment(folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    database = f"sqlite+aiosqlite:///{folder / 'prefect.db'}"
    own = {"PREFECT_HOME": str(folder), "PREFECT_API_DATABASE_CONNECTION_URL": database}
    return inherited | ENVIRONMENT | own


def _wait_until_healthy(process: subprocess.Popen[bytes], server: PrefectServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{server.api_url}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"no Prefect server at {server.api_url}: {server.log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _restore(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
