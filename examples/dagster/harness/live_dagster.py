"""A real Dagster for a test: webserver and daemon on loopback, over one file of definitions.

Real: both processes, their code servers, the run queue, a process for each run, GraphQL, schedules and sensors on the
real clock. Simulated: SQLite stands in for PostgreSQL. Left out: containers, several code locations, compute logs in a
cloud. All is written below the given folder. A test that fails or Ctrl-C ends every process; a pytest that is itself
killed leaves them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # a dependency of Dagster's own
from dagster import DagsterInstance, DagsterRunStatus
from dagster_graphql import DagsterGraphQLClient

START_SECONDS, WAIT_SECONDS, STOP_SECONDS = 180, 180, 30
FINAL = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
INSTANCE_CONFIG = """\
telemetry: {enabled: false}
concurrency: {runs: {max_concurrent_runs: 2}}
"""


@dataclass
class LiveDagster:
    """The running system. `client` is Dagster's public GraphQL client; `home` is its DAGSTER_HOME."""

    url: str
    home: Path
    client: DagsterGraphQLClient
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def launch(self, job: str, **options: Any) -> str:
        """Ask for a run as an API client does, and return its id; options are those of `submit_job_execution`."""
        return self.client.submit_job_execution(job, **options)

    def wait_for_run(self, run_id: str, seconds: float = WAIT_SECONDS) -> DagsterRunStatus:
        """The status in which the run ended. Raises RuntimeError with the daemon's log when it does not end."""
        return self.wait_for(run_id, *FINAL, seconds=seconds)

    def wait_for(self, run_id: str, *wanted: DagsterRunStatus, seconds: float = WAIT_SECONDS) -> DagsterRunStatus:
        """The status of the run once it is one of `wanted`. Raises RuntimeError when it ended otherwise, or hangs."""
        deadline = time.monotonic() + seconds
        while (status := self.client.get_run_status(run_id)) not in wanted:
            if status in FINAL or time.monotonic() > deadline:
                raise RuntimeError(f"run {run_id} is {status.value}, not {wanted}: {self.log_end('daemon')}")
            time.sleep(0.2)
        return status

    @contextmanager
    def instance(self) -> Iterator[DagsterInstance]:
        """The storage of the running system, to read events and values from."""
        with DagsterInstance.from_config(str(self.home)) as opened:
            yield opened

    def log_end(self, process: str) -> str:
        """The end of what "webserver" or "daemon" printed."""
        return (self.home / f"{process}.log").read_text(errors="replace")[-3000:]


@contextmanager
def live_dagster(definitions: Path, home: Path, environment: Mapping[str, str] | None = None) -> Iterator[LiveDagster]:
    """Start webserver and daemon over one file in an empty folder `home`; end both with all they started.

    Raises RuntimeError with the output of the process that ended, or is not ready within START_SECONDS, and with the
    error of the definitions when they do not load (the webserver itself would start and show it).
    """
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(INSTANCE_CONFIG)
    with DagsterInstance.from_config(str(home)) as instance:  # creates the databases: two processes at once fall over each other
        instance.get_runs(limit=1)
        instance.all_instigator_state()
    port = _free_port()
    live = LiveDagster(f"http://127.0.0.1:{port}", home, DagsterGraphQLClient("127.0.0.1", port_number=port))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER_")}
    known = {**inherited, **(environment or {}), "DAGSTER_HOME": str(home)}
    try:
        listen = ["-h", "127.0.0.1", "-p", str(port)]
        live.processes["webserver"] = _start(["dagster-webserver", "-f", str(definitions), *listen], home, "webserver", known)
        live.processes["daemon"] = _start(["dagster-daemon", "run", "-f", str(definitions)], home, "daemon", known)
        _wait_until_ready(live, "webserver", lambda: _answers(f"{live.url}/server_info"))
        _require_loaded(live)
        _wait_until_ready(live, "daemon", lambda: _all_daemons_beat(live))
        yield live
    finally:
        _end_trees(live.processes.values())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(command: list[str], home: Path, name: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    program = Path(sys.executable).with_name(command[0])
    with (home / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [str(program), *command[1:]], cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _wait_until_ready(live: LiveDagster, name: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if live.processes[name].poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the {name} is not ready: {live.log_end(name)}")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _all_daemons_beat(live: LiveDagster) -> bool:
    found = _ask(live.url, "{ instance { daemonHealth { allDaemonStatuses { required healthy } } } }")
    return all(daemon["healthy"] for daemon in found["instance"]["daemonHealth"]["allDaemonStatuses"] if daemon["required"])


def _require_loaded(live: LiveDagster) -> None:
    error = "locationOrLoadError { ... on PythonError { message errorChain { error { message } } } }"
    found = _ask(live.url, f"{{ workspaceOrError {{ ... on Workspace {{ locationEntries {{ name {error} }} }} }} }}")
    for entry in found["workspaceOrError"]["locationEntries"]:
        if "message" in (problem := entry["locationOrLoadError"] or {}):
            causes = [problem["message"], *(link["error"]["message"] for link in problem["errorChain"])]
            raise RuntimeError(f"{entry['name']} does not load: {' <- '.join(cause.strip() for cause in causes)}")


def _ask(url: str, query: str) -> Any:
    """The data of a GraphQL query; the public client has mutations and the status of a run only."""
    request = urllib.request.Request(
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)["data"]


def _end_trees(roots: Any) -> None:
    """SIGTERM to the roots, then SIGKILL to whatever of their trees is left."""
    trees = []
    for process in roots:
        if process.poll() is None:
            trees += psutil.Process(process.pid).children(recursive=True)
            process.terminate()
    for process in roots:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for child in trees:
        if child.is_running():
            child.kill()
    psutil.wait_procs(trees, STOP_SECONDS)
