"""Snippets that must fail, and what happens when one does not."""

from __future__ import annotations

import argparse
from pathlib import Path

import check
import pytest
from snippet_checker import canary
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
