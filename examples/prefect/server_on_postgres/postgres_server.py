"""A real Postgres without an administrator, and a real Prefect server on it, each ended by its own handle.

Absent: TLS, users and backups of a Postgres that you operate, and a second server beside the first.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pgserver

START_SECONDS = 180


BINARIES = [Path(found).parent for found in [shutil.which("initdb")] if found] + sorted(Path("/usr/lib/postgresql").glob("*/bin"))
HAS_POSTGRES = bool(BINARIES)


@contextmanager
def postgres(port: int) -> Iterator[str]:
    """The URL of an empty database of the installed Postgres, with its contributed extensions, on loopback."""
    account = "nobody" if os.getuid() == 0 else None  # Postgres does not run as root
    folder = Path(tempfile.mkdtemp(prefix="postgres"))
    if account:
        shutil.chown(folder, account)
    data, binaries = folder / "data", BINARIES[-1]
    prepare = [binaries / "initdb", "-D", data, "-U", "shop", "--auth=trust", "--no-sync"]
    subprocess.run(prepare, check=True, user=account, cwd=folder, stdout=subprocess.DEVNULL)
    start = [binaries / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(start, user=account, cwd=folder, **quiet)
    try:
        wait_until_ready(process, [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"])
        yield f"postgresql://shop@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # end connections, then stop
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_ready(process: subprocess.Popen[bytes], ask: list[str | Path]) -> None:
    """Return when Postgres takes connections; RuntimeError when it ended or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(ask, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"no Postgres, exit code {process.returncode}")
        time.sleep(0.1)


@contextmanager
def bare_postgres() -> Iterator[str]:
    """The URL of the Postgres in the package `pgserver`: no administrator needed, and no contributed extension in it."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path must be short
    folder.chmod(0o755)  # for root, pgserver runs Postgres as another user
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri().replace("postgres:@", "postgres@")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def prefect_server_on(database_url: str, home: Path, port: int) -> Iterator[str]:
    """The API's URL of a server that keeps everything in `database_url`; RuntimeError with its log if it does not start."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {"PREFECT_HOME": str(home), "PREFECT_API_DATABASE_CONNECTION_URL": database_url, "DO_NOT_TRACK": "1"}
    own |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.5"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--host", "127.0.0.1", "--port", str(port)]
    log = home / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=inherited | own, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_until_healthy(process, f"http://127.0.0.1:{port}/api", log)
        yield f"http://127.0.0.1:{port}/api"
    finally:
        process.terminate()
        process.wait(60)


def wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return when the API answers; RuntimeError with the log's end when the process ends first or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(log.read_text(errors="replace")[-6000:])
