"""Snippets that must fail, and what happens when one does not."""

from __future__ import annotations

import argparse
import sqlite3
from pathlib import Path

import check
import pytest
from snippet_checker import canary
from snippet_checker.cache import Cache
from snippet_checker.model import Check, Level, MachineError


@pytest.mark.parametrize("tool", ["dagster", "airflow", "prefect", "embedded", "tooling"])
def test_every_environment_has_canaries(tool: str) -> None:
    """At every level that is asked for."""
    assert len(canary.canaries(tool, Level.RUNS)) >= 2
    assert len(canary.canaries(tool, Level.LOADS)) >= 2


@pytest.mark.slow
def test_a_canary_that_passes_means_that_the_checker_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing that it says can be trusted then, so it says nothing else."""

    def tame(tool: str, level: Level) -> list[Check]:
        return [canary._canary(tool, "tame", canary.Language.PYTHON, "assert True\n", level)]

    monkeypatch.setattr(check, "canaries", tame)
    page = tmp_path / "embedded-page.md"
    page.write_text("```python\nassert True\n```\n")
    options = check.parse_arguments(["--no-cache", str(page)])
    assert isinstance(options, argparse.Namespace)
    with pytest.raises(MachineError, match="the checker is broken"):
        check.run(options)


@pytest.mark.slow
def test_what_is_known_already_is_held_against_the_canaries_that_are_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A session that runs nothing still asks whether its cache can tell a failure from a success."""
    monkeypatch.setattr(check, "open_cache", lambda: Cache(tmp_path / "results.sqlite"))
    page = tmp_path / "embedded-numbers.md"
    page.write_text("```python\nassert 1 + 1 == 2\n```\n")
    options = check.parse_arguments([str(page), "--json", str(tmp_path / "report.json")])
    assert check.run(options) == check.OK
    assert check.run(options) == check.OK

    with sqlite3.connect(tmp_path / "results.sqlite") as database:
        database.execute("UPDATE results SET value = replace(value, '\"passed\": false', '\"passed\": true')")
    with pytest.raises(MachineError, match="the checker is broken: the snippet of canary"):
        check.run(options)
