#!/usr/bin/env python3
"""Run what must be green before a commit: lint, types, tests of the checker, tests of the examples, the checker itself."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from snippet_checker.environments import ROOT, TOOLS, python_of

PROCESSES = {"prefect": "3"}  # two otherwise; Prefect's tests wait much, for servers and workers
DISTRIBUTION = {"airflow": "loadgroup"}  # Airflow's conftest.py says what stays together


@dataclass(frozen=True)
class Step:
    """One command of the run."""

    name: str
    command: list[str]


@dataclass(frozen=True)
class Ended:
    """What a step printed, its exit code and its seconds."""

    step: Step
    code: int
    seconds: float
    output: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="leave out what starts servers or runs dbt")
    parser.add_argument("--tool", choices=TOOLS, action="append", help="only the examples of this tool")
    parser.add_argument("--only-examples", action="store_true", help="the tests of the examples and nothing else")
    options = parser.parse_args()
    chosen = steps(options.fast, options.tool or TOOLS)
    if options.only_examples:
        chosen = [step for step in chosen if step.name.startswith("examples of")]
    failed = []
    for ended in map(run_step, chosen):
        word = "ok" if ended.code == 0 else f"exit code {ended.code}"
        told = f"--- {ended.step.name}\n{ended.output}--- {ended.step.name}: {word} after {ended.seconds:.1f} s\n"
        print(told, end="", flush=True)
        if ended.code:
            failed.append(ended.step.name)
    print(f"failed: {', '.join(failed)}" if failed else "all green")
    return 1 if failed else 0


def run_step(step: Step) -> Ended:
    """Run one command to its end."""
    began = time.monotonic()
    print(f"... {step.name}", flush=True)
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        code = subprocess.run(step.command, cwd=ROOT, env=clean_environment(), stdout=output, stderr=subprocess.STDOUT).returncode
        output.seek(0)
        return Ended(step, code, time.monotonic() - began, output.read())


def steps(fast: bool, tools: tuple[str, ...] | list[str]) -> list[Step]:
    """The steps, what is quick to fail first."""
    python = sys.executable
    without_slow = ["-m", "not slow"] if fast else []
    of_checker = without_slow or ["-m", "not browser"]
    listed = [
        Step("lint", [python, "-m", "ruff", "check", "."]),
        Step("format", [python, "-m", "ruff", "format", "--check", "."]),
        Step("types", [python, "-m", "mypy", "scripts"]),
        Step("tests of the checker", [python, "-m", "pytest", "-q", *spread("tooling"), "tests", *of_checker]),
    ]
    for tool in tools:
        if any((ROOT / "examples" / tool).glob("**/test_*.py")):
            command = [str(python_of(tool)), "-m", "pytest", "-q", *spread(tool), f"examples/{tool}", *without_slow]
            listed.append(Step(f"examples of {tool}", command))
    if not fast:
        listed.append(Step("every snippet and example", [python, "scripts/check.py", "--timeout", "240"]))
        listed.append(Step("the site in a browser", [python, "-m", "pytest", "-q", "tests/test_site.py"]))
    return listed


def spread(tool: str) -> list[str]:
    """Options of pytest-xdist; a file's tests stay together, they share what its fixtures start.

    What begins first is said by conftest.py.
    """
    return ["-n", PROCESSES.get(tool, "2"), "--no-loadscope-reorder", "--dist", DISTRIBUTION.get(tool, "loadfile")]


def clean_environment() -> dict[str, str]:
    """Byte code is kept (imports cost three times as much without), and nothing of the user's tools leaks in."""
    leaking = ("DAGSTER_", "AIRFLOW_", "PREFECT_", "DBT_", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(leaking)}


if __name__ == "__main__":
    sys.exit(main())
