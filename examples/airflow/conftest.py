"""Fixtures for the tests of the Airflow examples: an own Airflow home, and a metadata database per test."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Airflow reads AIRFLOW_HOME once, while it is imported; this file is loaded before any test module is.
_home = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ["AIRFLOW_HOME"] = _home.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__OPENLINEAGE__DISABLED"] = "True"
sys.path.insert(0, str(Path(__file__).parent / "harness"))

import pytest  # noqa: E402
from live_airflow import live_airflow  # noqa: E402, F401
from metadata_database import build_template, copy_template, open_database  # noqa: E402

# `live_airflow` is imported here alone: each test module that imported it would start a system of its own.


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `-n 2 --dist loadgroup`: one process has the live Airflow, a file stays together, and what is slow begins first."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    live = {item.path for item in items if "live_airflow" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in slow)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("live" if item.path in live else str(item.path)))


@pytest.fixture(scope="session")
def metadata_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One migrated metadata database for the whole session; tests get copies."""
    return build_template(tmp_path_factory.mktemp("metadata"))


@pytest.fixture
def metadata_database(metadata_template: Path, tmp_path: Path) -> Iterator[Path]:
    """A fresh metadata database for one test, open for Airflow's ORM until the test ends."""
    with open_database(copy_template(metadata_template, tmp_path)) as database:
        yield database


@pytest.fixture
def dag_file(request: pytest.FixtureRequest) -> Path:
    """The DAG file of the test: `dag.py` beside the test module, or the test module itself, which then holds DAGs."""
    beside = request.path.with_name("dag.py")
    return beside if beside.exists() else request.path
