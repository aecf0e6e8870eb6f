"""What all Dagster examples share in tests: their `definitions.py`, freshly loaded, and an empty instance."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

# Under --import-mode=importlib with a root above this folder, pytest registers the folder itself as a
# namespace package `dagster`, which would hide the installed one.
if getattr(sys.modules.get("dagster"), "__file__", None) is None:
    sys.modules.pop("dagster", None)

import dagster as dg
import pytest


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The `definitions.py` beside the test, imported afresh with an empty folder as its working directory."""
    monkeypatch.chdir(tmp_path)
    return load_definitions_file(request.path.with_name("definitions.py"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance without history that keeps runs, events and cursors in memory."""
    with dg.DagsterInstance.ephemeral() as empty:
        yield empty


def load_definitions_file(path: Path) -> ModuleType:
    """Import `path` as a module named after its folder: the entry file has the same name in every example."""
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
