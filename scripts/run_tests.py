#!/usr/bin/env python3
"""Run what must be green before a commit: lint, types, tests of the checker, tests of the examples, the checker itself."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from snippet_checker.environments import ROOT, TOOLS, python_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="leave out what starts servers or runs dbt")
    parser.add_argument("--tool", choices=TOOLS, action="append", help="only the examples of this tool")
    parser.add_argument("--only-examples", action="store_true", help="the tests of the examples and nothing else")
    options = parser.parse_args()
    failed = []
    for name, command in steps(options.fast, options.tool or TOOLS):
        if options.only_examples and not name.startswith("examples of"):
            continue
        started = time.monotonic()
        print(f"--- {name}", flush=True)
        code = subprocess.run(command, cwd=ROOT, env=clean_environment()).returncode
        print(f"--- {name}: {'ok' if code == 0 else f'exit code {code}'} after {time.monotonic() - started:.1f} s", flush=True)
        if code:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all green")
    return 1 if failed else 0


def steps(fast: bool, tools: tuple[str, ...] | list[str]) -> list[tuple[str, list[str]]]:
    """Names and commands, cheapest first."""
    python = sys.executable
    without_slow = ["-m", "not slow"] if fast else []
    of_checker = without_slow or ["-m", "not browser"]
    listed = [
        ("lint", [python, "-m", "ruff", "check", "."]),
        ("format", [python, "-m", "ruff", "format", "--check", "."]),
        ("types", [python, "-m", "mypy", "scripts"]),
        ("tests of the checker", [python, "-m", "pytest", "-q", "tests", *of_checker]),
    ]
    for tool in tools:
        if any((ROOT / "examples" / tool).glob("**/test_*.py")):
            at_once = ["-n", "2", "--dist", "loadfile"] if tool == "dagster" else []  # the others share one server a session
            command = [str(python_of(tool)), "-m", "pytest", "-q", f"examples/{tool}", *at_once, *without_slow]
            listed.append((f"examples of {tool}", command))
    if not fast:
        listed.append(("every snippet and example", [python, "scripts/check.py"]))
        listed.append(("the site in a browser", [python, "-m", "pytest", "-q", "tests/test_site.py"]))
    return listed


def clean_environment() -> dict[str, str]:
    """Byte code is kept (imports cost three times as much without), and nothing of the user's tools leaks in."""
    leaking = ("DAGSTER_", "AIRFLOW_", "PREFECT_", "DBT_", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(leaking)}


if __name__ == "__main__":
    sys.exit(main())
