"""One real Prefect server for a pytest session, and settings that point this process at it.

Real: the server of the installed version (`prefect server start`), its SQLite database and migrations, HTTP
on a free loopback port, its background services (scheduler, automations, late runs), and the flow and task
engines that run in the test process.
Simulated: nothing. Absent: the UI, workers (`finished_run.py` executes a run here, `worker_process.py` starts one),
analytics, and the heartbeat thread of flow runs, which costs a synchronous flow up to a second at its end.
Each pytest process has its own server; with `-n 2` there are two, each with its own port and folder.

    with running_server(folder) as server, client_settings(server):
        my_flow()
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)
from private_names import send_what_waits, settings_for_all_threads

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
    """A running server: the URL of its API, the PREFECT_HOME of those who talk to it, its process id and log.

    `pid` and `log` are None for a server that was there before, which is not this session's to end or to wipe.
    """

    api_url: str
    home: Path
    pid: int | None = None
    log: Path | None = None


def configured_server(home: Path) -> PrefectServer | None:
    """The server that the environment variable PREFECT_API_URL names, if it is on loopback and answers.

    A profile is not asked: the tests of somebody whose profile names his own server must not run there.
    """
    url = os.environ.get("PREFECT_API_URL", "")
    on_loopback = urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    return PrefectServer(url.rstrip("/"), home) if on_loopback and _is_healthy(url.rstrip("/")) else None


@contextmanager
def running_server(folder: Path) -> Iterator[PrefectServer]:
    """Start a server that keeps everything it writes in `folder`; end it by its process id on exit.

    Raises RuntimeError with the end of the server's log when it is not healthy after START_SECONDS.
    """
    port = _free_port()
    log = folder / "server.log"
    options = ["--no-ui", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "prefect", "server", "start", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=_server_environment(folder), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    server = PrefectServer(f"http://127.0.0.1:{port}/api", folder, process.pid, log)
    try:
        _wait_until_healthy(process, server.api_url, log)
        yield server
    finally:
        _stop(process)


@contextmanager
def client_settings(server: PrefectServer) -> Iterator[None]:
    """Point flows of this process, and the processes it starts, at `server`; restore everything on exit.

    The thread that sends task runs keeps the address it began with, so it is ended at both ends of the block: the
    other server would be sent them, know nothing of their flow, and drop them.
    """
    send_what_waits()
    exported = ENVIRONMENT | {"PREFECT_API_URL": server.api_url, "PREFECT_HOME": str(server.home)}
    before = {name: os.environ.get(name) for name in exported}
    os.environ.update(exported)
    try:
        with temporary_settings(_settings_of_this_process(server)), settings_for_all_threads():
            try:
                yield
            finally:
                send_what_waits()
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


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _is_healthy(url):
            return
        time.sleep(0.2)
    ended = f"ended with exit code {process.returncode}" if process.returncode is not None else f"silent for {START_SECONDS} s"
    raise RuntimeError(f"no Prefect server at {url}, {ended}: {log.read_text(errors='replace')[-2000:]}")


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


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
