"""Fixtures for the tests of the Airflow examples: an own Airflow home, and a metadata database per test."""

from __future__ import annotations

import gc
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

# A quarter of the time in which Airflow starts went to the garbage collector: among the many objects that stay it finds
# little. It looks more rarely here, and by `sitecustomize` in every Python that a test starts.
RARELY = (100_000, 50, 100)
gc.set_threshold(*RARELY)
_startup = Path(_home.name, "startup")
_startup.mkdir()
(_startup / "sitecustomize.py").write_text(f"import gc\n\ngc.set_threshold{RARELY}\n")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_startup), os.environ.get("PYTHONPATH"))))

import pytest  # noqa: E402
from live_airflow import live_airflow  # noqa: E402, F401
from metadata_database import build_template, copy_template, open_database  # noqa: E402

# `live_airflow` is imported here alone: each test module that imported it would start a system of its own.


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `-n 2 --dist loadgroup`: one process has the live Airflow; the other tests of a file stay together.

    The tests of the live Airflow come first and without a break, then the files with something slow in them.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not _is_live(item), item.path not in slow))
    for item in items:
        item.add_marker(pytest.mark.xdist_group("live" if _is_live(item) else str(item.path)))


@pytest.hookimpl(trylast=True)  # after the fixtures of the test itself
def pytest_runtest_teardown(item: pytest.Function) -> None:
    """End the live Airflow after its last test: idle to the end of the session it would take an eighth of a core.

    What is there after a test, modules mostly, is not looked through for garbage again: Cosmos does so after each dbt.
    """
    if _is_live(item) and not any(map(_is_live, item.session.items[item.session.items.index(item) + 1 :])):
        airflow = item.funcargs.get("live_airflow")  # none when it could not start
        if airflow:
            airflow.end()
    gc.freeze()


def _is_live(item: pytest.Item) -> bool:
    return "live_airflow" in getattr(item, "fixturenames", ())


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
