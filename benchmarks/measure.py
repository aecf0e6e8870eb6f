"""Run a command and say what it cost: wall seconds, CPU seconds with those of its children, peak memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts"))

from snippet_checker import environments, isolation  # noqa: E402  found through the line above

LIMIT_SECONDS = 1800  # of one command; a hanging rival must not hold the whole benchmark


@dataclass(frozen=True)
class Cost:
    """``wall`` and ``cpu`` are seconds, ``peak`` bytes of the largest process; ``output`` is what it printed."""

    wall: float
    cpu: float
    peak: int = 0
    code: int = 0
    output: str = ""


def measure(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run ``command`` in ``folder``; its CPU seconds hold those of all children that it has waited for."""
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command], cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL,
            stdout=printed, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        watchdog = threading.Timer(LIMIT_SECONDS, isolation.end_group, (process.pid,))
        watchdog.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read().decode(errors="replace")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, usage.ru_maxrss * 1024, process.returncode, text)


def quiet_environment(home: Path) -> dict[str, str]:
    """What a benchmarked process sees: folders of its own, no telemetry, nothing of the user's tools."""
    home.mkdir(parents=True, exist_ok=True)
    own = {
        "HOME": home, "TMPDIR": home, "AIRFLOW_HOME": home / "airflow", "PREFECT_HOME": home / "prefect",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    }  # fmt: skip
    return isolation.scrubbed_environment(os.environ) | {name: str(value) for name, value in own.items()}


def python_of(tool: str) -> Path:
    """The interpreter of a tool's locked environment, built first where it is missing."""
    return environments.prepare(tool, lambda line: print(line, file=sys.stderr))


def compile_imports(tool: str, home: Path) -> None:
    """Have byte code on disk before anything is timed: without it every import costs about three times as much."""
    package = {"dagster": "dagster", "airflow": "airflow.sdk", "prefect": "prefect"}[tool]
    measure([python_of(tool), "-c", f"import pytest, {package}"], home, quiet_environment(home))


def cpu_of(process: int) -> float:
    """CPU seconds of a running process and of the children it has waited for (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def memory_of(process: int) -> dict[str, int]:
    """``now`` and ``peak`` resident bytes of a running process (Linux)."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":" in line)
    return {name: int(lines[field].split()[0]) * 1024 for name, field in (("now", "VmRSS"), ("peak", "VmHWM"))}


def is_running(process: int) -> bool:
    """Whether a process is there; one that has ended and was not waited for is not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def end(process: int) -> None:
    """Ask one process, by its number, to end."""
    try:
        os.kill(process, signal.SIGTERM)
    except ProcessLookupError:
        pass
