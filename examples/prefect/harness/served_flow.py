"""A script that calls `flow.serve(...)`, as a process that a test starts and stops.

Real: the script in its own process, its runner and schedules, a process for each run, and its end by the signal that
a service manager sends. Simulated: nothing.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psutil  # a dependency of Prefect's own
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

START_SECONDS, WAIT_SECONDS, STOP_SECONDS, GRACE_SECONDS = 120, 240, 60, 5


@dataclass
class ServedFlow:
    """A running `serve`. `exit_code` and `left_running` (pids of its processes) are known after the block."""

    deployment: UUID
    process: subprocess.Popen[bytes]
    log: Path
    exit_code: int | None = None
    left_running: tuple[int, ...] = ()

    def wait_for(self, run: UUID, *states: str, seconds: float = WAIT_SECONDS) -> FlowRun:
        """The run, once it is in one of these states.

        Raises RuntimeError with its state and the end of the log: after `seconds`, and at once when the run has ended
        in another state or the script has ended.
        """
        deadline = time.monotonic() + seconds
        with get_client(sync_client=True) as client:
            while (found := client.read_flow_run(run)).state_name not in states:
                ended = found.state is not None and found.state.is_final()
                if ended or time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"run {found.name} is {found.state_name}, not {states}: {self.said()}")
                time.sleep(0.1)
        return found

    def said(self) -> str:
        """The end of what the script printed."""
        return self.log.read_text(errors="replace")[-2000:]


@contextmanager
def served_flow(script: Path, deployment: str, *, stop_with: signal.Signals = signal.SIGTERM) -> Iterator[ServedFlow]:
    """Start a script and wait until it has put its `deployment` ("flow/name") on the server; stop it at the block's end.

    Raises RuntimeError with the script's output when it ends before, or takes longer than START_SECONDS.
    """
    log, started = script.with_suffix(".log"), datetime.now(UTC)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=_obey_interrupts
        )
    served = None
    try:
        served = ServedFlow(_wait_until_known(deployment, started, process, log), process, log)
        yield served
    finally:
        code, left = _stop(process, stop_with)
        if served is not None:
            served.exit_code, served.left_running = code, left


def _obey_interrupts() -> None:
    """In the child: a shell that runs the tests in the background has told them to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_until_known(deployment: str, since: datetime, process: subprocess.Popen[bytes], log: Path) -> UUID:
    deadline = time.monotonic() + START_SECONDS
    with get_client(sync_client=True) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                found = client.read_deployment_by_name(deployment)
                if (found.updated or found.created) >= since:  # an older one is of a script that served before
                    return found.id
            except ObjectNotFound:
                pass
            time.sleep(0.1)
    raise RuntimeError(f"no deployment {deployment!r} of {log.stem}: {log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes], first: signal.Signals) -> tuple[int, tuple[int, ...]]:
    """The exit code, and the processes that outlived it, which are ended too."""
    started = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    if process.poll() is None:
        process.send_signal(first)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(started, GRACE_SECONDS)  # the last of them may end a moment after it
    left = [child for child in alive if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    for child in left:
        child.kill()
    return process.returncode, tuple(child.pid for child in left)
