"""What tests of several modules share: pages written into a temporary folder, and one warm process per tool."""

from __future__ import annotations

import os
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from proving import in_order, interpreter
from snippet_checker import environments, warm
from snippet_checker.cache import kept_folder
from snippet_checker.model import Level, Result, Snippet
from snippet_checker.parse import read_text
from snippet_checker.plan import plan_checks
from snippet_checker.run import Settings

ROOT = environments.ROOT
if "PYTEST_XDIST_WORKER" in os.environ:  # tests that run beside each other must not meet each other's warm processes
    _own = tempfile.TemporaryDirectory(prefix="tests-")
    os.environ["TMPDIR"] = tempfile.tempdir = _own.name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, those that run every rule before all: so that two processes end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not item.path.name.startswith(("test_traps_", "test_three_tools")), item.path not in slow))


@pytest.fixture
def snippets_of() -> Callable[[str], list[Snippet]]:
    """The snippets of a page given as indented text."""
    return lambda text: read_text(textwrap.dedent(text), "page.md")


@pytest.fixture(scope="session")
def warm_tools() -> Iterator[Callable[[str], Settings]]:
    """Settings that reach a warm process of a tool, started once per session and ended with it."""
    settings = Settings(jobs=2, timeout=60, kept=kept_folder)
    started: set[str] = set()

    def settings_for(tool: str) -> Settings:
        if tool not in started:
            warm.keep_warm(tool, interpreter(tool), settings)
            started.add(tool)
        return replace(settings, sockets=warm.socket_path)

    yield settings_for
    for tool in started:
        warm.end_warm(tool)


@pytest.fixture
def prove(warm_tools: Callable[[str], Settings]) -> Callable[..., list[Result]]:
    """Check a page, given as text, in the warm process of one tool; results in the order of the snippets."""

    def run(text: str, tool: str, level: Level = Level.RUNS, timeout: float = 60.0) -> list[Result]:
        page = f"{tool}-page.md"
        checks = plan_checks(read_text(textwrap.dedent(text), page), environments.TOOLS, level)
        return in_order(checks, replace(warm_tools(tool), timeout=timeout), tool)

    return run
