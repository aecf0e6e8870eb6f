"""Fixtures for the tests of the Dagster examples: their `definitions.py`, freshly loaded, and empty instances."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent / "harness"))

import dagster as dg
import pytest
from code_location import load_definitions_file
from instances import build_template, file_instance, memory_instance

LIBRARIES = "dagster|dlt|dbt|sqlglot|alembic|gql|pyiceberg|moto|botocore|google|pandas|_pytest|pydantic"


def pytest_configure(config: pytest.Config) -> None:
    """What these files use that is on its way out fails the test; what libraries use of each other is theirs to mend."""
    for category in ("DeprecationWarning", "FutureWarning"):  # Dagster's supersessions are FutureWarnings
        config.addinivalue_line("filterwarnings", f"error::{category}:(?!{LIBRARIES})")


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The `definitions.py` beside the test, imported afresh with an empty folder as its working directory."""
    monkeypatch.chdir(tmp_path)
    return load_definitions_file(request.path.with_name("definitions.py"))


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance without history, in memory; values that assets return are files under `tmp_path`."""
    with memory_instance(tmp_path / "dagster") as empty:
        yield empty


@pytest.fixture(scope="session")
def instance_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite files of an empty instance, migrated once a session; tests get copies."""
    return build_template(tmp_path_factory.mktemp("instance") / "template")


@pytest.fixture
def stored_instance(instance_template: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance without history, in SQLite files under `tmp_path`: what daemons need."""
    with file_instance(instance_template, tmp_path / "dagster_home") as empty:
        yield empty
