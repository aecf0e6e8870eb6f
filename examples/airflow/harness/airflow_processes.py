"""The processes of a live Airflow: what each is started with, and how all of them end.

Real: the four components as `airflow <component>` starts them. Simulated: SQLite and short intervals, see `SETTINGS`.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil  # Airflow needs both itself
from cryptography.fernet import Fernet

COMPONENTS = {
    "api-server": ("--host", "127.0.0.1"),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
SETTINGS = {
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__PARALLELISM": "2",
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",  # seconds, as below
    "DAG_PROCESSOR__REFRESH_INTERVAL": "1",
    "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",  # a file that changes is parsed at once whatever this says
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "WORKERS__EXECUTION_API_TIMEOUT": "30",  # a busy machine: else "finished with state failed" and no task log
    "OPENLINEAGE__DISABLED": "True",
}
STOP_SECONDS = 5


def environment_for(home: Path, port: int) -> dict[str, str]:
    """The environment of every component: this one's without its Airflow settings, and all files below `home`."""
    own = SETTINGS | {
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "API__PORT": str(port),
        "API__SECRET_KEY": secrets.token_hex(),
        "API_AUTH__JWT_SECRET": secrets.token_hex(),
        "CORE__FERNET_KEY": Fernet.generate_key().decode(),  # else each component makes one of its own
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW_"))}
    return inherited | {"AIRFLOW_HOME": str(home)} | {f"AIRFLOW__{name}": value for name, value in own.items()}


def start_component(component: str, home: Path, environment: dict[str, str], *options: str) -> subprocess.Popen[bytes]:
    """Start a component out of reach of Ctrl-C; its output goes to `<component>.log` in the home folder."""
    command = [sys.executable, "-m", "airflow", component, *COMPONENTS.get(component, ()), *options]
    with (home / f"{component}.log").open("ab") as log:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def end_trees(processes: Collection[subprocess.Popen[Any]], first: signal.Signals = signal.SIGTERM) -> None:
    """End processes with all they started. Their groups would not do: every task has a process group of its own."""
    started = _descendants(processes)
    for process in processes:
        process.send_signal(first)
    deadline = time.monotonic() + STOP_SECONDS
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        started |= _descendants(processes)
        time.sleep(0.05)
    for left in (*processes, *started):
        with suppress(psutil.NoSuchProcess):
            left.kill()
    psutil.wait_procs([*started, *processes], STOP_SECONDS)


def _descendants(processes: Collection[subprocess.Popen[Any]]) -> set[psutil.Process]:
    found: set[psutil.Process] = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found.update(psutil.Process(process.pid).children(recursive=True))
    return found
