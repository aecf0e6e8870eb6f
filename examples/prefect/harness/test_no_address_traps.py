"""Where Prefect finds its server, and what happens to a process that finds none in time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextvars import copy_context
from pathlib import Path

import psutil
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, Settings, temporary_settings
from prefect_server import PrefectServer
from pydantic import ValidationError

NOWHERE = "http://127.0.0.1:9/api"


def test_trap_a_variable_set_after_the_import_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """`monkeypatch.setenv` changes nothing for Prefect; `temporary_settings` does."""
    before = PREFECT_API_URL.value()
    monkeypatch.setenv("PREFECT_API_URL", NOWHERE)
    assert PREFECT_API_URL.value() == before != NOWHERE
    with temporary_settings({PREFECT_API_URL: NOWHERE}):
        assert PREFECT_API_URL.value() == NOWHERE


def test_trap_a_thread_begins_without_the_settings_of_its_maker() -> None:
    """It asks another server, or starts one; in a copy of the context it asks the same."""
    seen: list[str | None] = []

    def look() -> None:
        seen.append(PREFECT_API_URL.value())

    with temporary_settings({PREFECT_API_URL: NOWHERE}):
        for target, args in ((look, ()), (copy_context().run, (look,))):
            thread = threading.Thread(target=target, args=args)
            thread.start()
            thread.join()
    assert [url == NOWHERE for url in seen] == [False, True]


IN_THE_TEST_HARNESS = """
import threading
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

if __name__ == "__main__":
    with prefect_test_harness(server_startup_timeout=180):
        seen = []
        thread = threading.Thread(target=lambda: seen.append(PREFECT_API_URL.value()))
        thread.start()
        thread.join()
        print("same", seen == [PREFECT_API_URL.value()] != [None])
"""


@pytest.mark.slow
def test_prefects_own_test_harness_reaches_every_thread() -> None:
    """It sets more than `temporary_settings` does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run([sys.executable, "-c", IN_THE_TEST_HARNESS], env=environment, capture_output=True, text=True)
    assert "same True" in done.stdout, done.stderr[-2000:]


@pytest.mark.parametrize("value", ["", "0", "29", "null", "None"])
def test_trap_no_variable_switches_heartbeats_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Every try is refused as Prefect reads its settings; the setting itself takes None."""
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", value)
    with pytest.raises(ValidationError, match=r"heartbeat_frequency"):
        Settings()
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        assert PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value() is None


TWICE = """
import psutil
from prefect import flow
for _ in range(2):
    try:
        print("result", flow(lambda: 3)())
    except RuntimeError as error:
        print("error", error)
print("servers", *[child.pid for child in psutil.Process().children()])
"""


def run_twice(home: Path, **environment: str) -> tuple[list[str], list[bool]]:
    """What two calls of a flow gave in a process; for each of its servers that outlived it, whether it holds the output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    given = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    with (home / "output.txt").open("wb") as output:  # a pipe would not end before the servers
        command = [sys.executable, "-c", TWICE]
        subprocess.run(command, env=inherited | given | environment, stdout=output, stderr=subprocess.DEVNULL, check=True)
    *calls, servers = (home / "output.txt").read_text().splitlines()
    left = [psutil.Process(pid) for pid in map(int, servers.split()[1:]) if is_server(pid)]
    holding = [str(home / "output.txt") in [file.path for file in server.open_files()] for server in left]
    for server in left:
        server.kill()
    return calls, holding


def is_server(pid: int) -> bool:
    """Whether a process of this id is still there and is a temporary server."""
    return psutil.pid_exists(pid) and "prefect.server.api.server:create_app" in psutil.Process(pid).cmdline()


@pytest.mark.slow
def test_trap_a_temporary_server_that_starts_too_slowly(tmp_path: Path, prefect_server: PrefectServer) -> None:
    """Each call fails and starts another server, and the first outlives the process; with a server's URL nothing is started."""
    calls, left = run_twice(tmp_path, PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="1")
    assert calls == ["error Timed out while attempting to connect to ephemeral Prefect API server."] * 2
    assert left == [True]
    assert run_twice(tmp_path, PREFECT_API_URL=prefect_server.api_url) == (["result 3", "result 3"], [])


def test_trap_the_time_for_the_start_is_twenty_seconds() -> None:
    """Less than a cold start takes on a busy machine; the harness gives 180."""
    assert Settings().server.ephemeral.startup_timeout_seconds == 20
