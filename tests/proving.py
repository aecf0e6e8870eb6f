"""Prove checks in the locked environments: what the tests of several modules call."""

from __future__ import annotations

import signal
import textwrap
from collections.abc import Sequence
from pathlib import Path

from snippet_checker import environments
from snippet_checker.model import Check, Result
from snippet_checker.run import Settings, run_all

ROOT = environments.ROOT


def interpreter(tool: str) -> Path:
    """The locked environment of a tool; `make test` has built it."""
    return environments.python_of(tool)


def in_order(checks: Sequence[Check], settings: Settings, *tools: str) -> list[Result]:
    """Every result, in the order of the checks; asserts that none was lost and none came twice."""
    pythons = {tool: interpreter(tool) for tool in (*tools, "tooling")}
    results = list(run_all(checks, pythons, settings))
    by_check = {id(result.check): result for result in results}
    assert len(results) == len(by_check) == len(checks)
    return [by_check[id(check)] for check in checks]


def obey_interrupts() -> None:
    """For a child before it begins: a shell that runs the tests in the background has told them to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def fence(code: str, *marks: str, language: str = "python") -> str:
    """A fenced snippet with its marks above it."""
    lines = [f"<!-- snippet: {mark} -->" for mark in marks]
    return "\n".join([*lines, f"```{language}", textwrap.dedent(code).strip("\n"), "```", ""])
