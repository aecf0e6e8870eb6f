"""A real Airflow for a pytest session: API server, scheduler, dag-processor and triggerer on loopback.

Real: all four processes with LocalExecutor, the public REST API with a token of the simple auth manager, parsing,
scheduling, asset events, deferral, and the block on database access that tasks meet in production.
Simulated: SQLite stands in for PostgreSQL or MySQL; intervals are shortened, so that a change is seen within seconds.
Left out: log servers, Celery, Kubernetes, several schedulers. All is written below the given folder. A test that fails
or Ctrl-C ends every process; a pytest that is itself killed leaves them.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow_processes import COMPONENTS, end_trees, environment_for, start_component
from metadata_database import copy_template

FINAL = ("success", "failed")
START_SECONDS, WAIT_SECONDS = 240, 120


@dataclass
class LiveAirflow:
    """The running system. A wait that ends without its event raises RuntimeError with what Airflow knew."""

    url: str
    home: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    token: str | None = None

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """One request to the public API, such as `call("GET", "dags")`; raises RuntimeError with Airflow's refusal."""
        return _request(method, f"{self.url}/api/v2/{path}?{urllib.parse.urlencode(query)}", body, self.token)

    def add_dag_file(self, name: str, source: str, *dag_ids: str, seconds: float = WAIT_SECONDS) -> None:
        """Write a file to the DAG folder and wait until its DAGs are known; an import error ends the wait."""
        (self.home / "dags" / name).write_text(source)
        self.wait_until_parsed(*dag_ids, seconds=seconds)

    def wait_until_parsed(self, *dag_ids: str, seconds: float = WAIT_SECONDS) -> None:
        """Wait until these DAGs can be triggered."""

        def parsed() -> bool:
            errors = self.call("GET", "importErrors")["import_errors"]
            if errors:
                raise RuntimeError("\n".join(f"{error['filename']}: {error['stack_trace']}" for error in errors))
            return set(dag_ids) <= {dag["dag_id"] for dag in self.call("GET", "dags", limit=1000)["dags"]}

        self.wait(parsed, lambda: f"not parsed: {dag_ids}\n{self.log_end('dag-processor')}", seconds)

    def trigger(self, dag_id: str, conf: object = None, logical_date: str | None = None) -> str:
        """Start a run, without a logical date unless one is given, and return its run id."""
        run = self.call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": logical_date, "conf": conf or {}})
        return run["dag_run_id"]

    def runs(self, dag_id: str) -> dict[str, str]:
        """Run id -> state of every run of a DAG, oldest first."""
        runs = self.call("GET", f"dags/{dag_id}/dagRuns", order_by="id", limit=1000)["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in runs}

    def wait_for_run(self, dag_id: str, run_id: str | None = None, seconds: float = WAIT_SECONDS) -> tuple[str, str]:
        """Wait until a run has ended, without `run_id` the first that Airflow makes; return its id and state."""

        def ended() -> bool:
            return (self.runs(dag_id).get(run_id) if run_id else next(iter(self.runs(dag_id).values()), None)) in FINAL

        def told() -> str:
            states = {run: self.tasks(dag_id, run) for run in self.runs(dag_id)}
            return f"{dag_id} {run_id or 'first run'} has not ended: {states}\n{self.log_end('scheduler')}"

        self.wait(ended, told, seconds)
        runs = self.runs(dag_id)
        return (run_id, runs[run_id]) if run_id else next(iter(runs.items()))

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Task id -> state; a mapped task shows its last instance."""
        found = self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=1000)["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def wait_for_task(self, dag_id: str, run_id: str, task_id: str, state: str, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """Wait until a task is in `state` and return it as the API shows it; a run that has ended ends the wait."""

        def arrived() -> bool:
            ended = self.runs(dag_id)[run_id] in FINAL
            now = self.tasks(dag_id, run_id)[task_id]
            if ended and now != state:
                raise RuntimeError(f"{dag_id}.{task_id} ended as {now!r} and was never seen {state!r}")
            return now == state

        self.wait(arrived, lambda: f"{dag_id}.{task_id} is not {state!r}: {self.tasks(dag_id, run_id)}", seconds)
        return self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        return self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value")["value"]

    def task_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """The logs of all tries of a task."""
        logs = (self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}").rglob("*.log*")
        return "\n".join(log.read_text(errors="replace") for log in sorted(logs))

    @contextmanager
    def without(self, component: str) -> Iterator[None]:
        """Kill a component for the length of the block, as a machine that dies would; then start another."""
        end_trees([self.processes.pop(component)], signal.SIGKILL)
        try:
            yield
        finally:
            self.start(component)

    def start(self, component: str, *options: str) -> None:
        """Start a component, and watch it during every wait."""
        self.processes[component] = start_component(component, self.home, self.environment, *options)

    def end(self) -> None:
        """End every component; nothing but the files stays."""
        end_trees(self.processes.values())
        self.processes.clear()

    def log_end(self, component: str) -> str:
        """The end of a component's output."""
        return f"--- {component}:\n" + (self.home / f"{component}.log").read_text(errors="replace")[-2000:]

    def wait(self, ready: Callable[[], Any], told: Callable[[], str], seconds: float = WAIT_SECONDS) -> None:
        """Ask `ready` until it says yes; a component that died, or the limit, ends the wait with what `told` says."""
        deadline = time.monotonic() + seconds
        while not ready():
            dead = [name for name, process in self.processes.items() if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise RuntimeError("".join(map(self.log_end, dead)) or f"after {seconds} s: {told()}")
            time.sleep(0.2)


@contextmanager
def running_airflow(home: Path, template: Path | None = None) -> Iterator[LiveAirflow]:
    """Start Airflow without DAGs; about 10 seconds on two cores. Add them by `add_dag_file`, or write into `home/dags`.

    `template` is a migrated SQLite database to begin with; without one `airflow db migrate` makes the schema, 3 seconds.
    """
    (home / "dags").mkdir()
    (home / "airflow.cfg").touch()  # else each component writes one as it starts, and another may read half of it
    password = secrets.token_urlsafe()
    (home / "passwords.json").write_text(json.dumps({"admin": password}))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    airflow = LiveAirflow(f"http://127.0.0.1:{port}", home, environment_for(home, port))
    try:
        if template:
            copy_template(template, home)
        else:
            _migrate(airflow)
        for component in COMPONENTS:
            airflow.start(component)
        airflow.wait(lambda: _healthy(airflow), lambda: "".join(map(airflow.log_end, COMPONENTS)), START_SECONDS)
        airflow.token = _request("POST", f"{airflow.url}/auth/token", {"username": "admin", "password": password})["access_token"]
        yield airflow
    finally:
        airflow.end()


def _migrate(airflow: LiveAirflow) -> None:
    airflow.start("db", "migrate")
    if airflow.processes["db"].wait(START_SECONDS):
        raise RuntimeError(airflow.log_end("db"))
    del airflow.processes["db"]


def _healthy(airflow: LiveAirflow) -> bool:
    try:
        told = airflow.call("GET", "monitor/health")
    except (OSError, RuntimeError):
        return False
    return all(told[name]["status"] == "healthy" for name in ("scheduler", "dag_processor", "triggerer"))


def _request(method: str, url: str, body: object = None, token: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    content = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, content, headers, method=method), timeout=30) as answer:
            return json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{method} {url}: {error.code} {error.read().decode(errors='replace')[:500]}") from error


@pytest.fixture(scope="session")
def live_airflow(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, metadata_template: Path
) -> Iterator[LiveAirflow]:
    """One live Airflow for the session; the terminal shows how long it took to start. conftest.py may end it earlier."""
    started = time.monotonic()
    with running_airflow(tmp_path_factory.mktemp("airflow"), metadata_template) as airflow:
        _tell(request.config, f"live Airflow at {airflow.url} after {time.monotonic() - started:.0f} s")
        yield airflow


def _tell(config: pytest.Config, line: str) -> None:
    """Write to the terminal past pytest's capture; a process of pytest-xdist has none."""
    terminal, capture = map(config.pluginmanager.getplugin, ("terminalreporter", "capturemanager"))
    if terminal and capture:
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(line)
