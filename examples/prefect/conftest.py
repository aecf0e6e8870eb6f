"""What the tests of every Prefect example share: one server per session, and the example's own `flow.py`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent / "harness"))

from prefect_server import PrefectServer, client_settings, running_server  # noqa: E402


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A real server for the whole session; this process's flows report to it."""
    with running_server(tmp_path_factory.mktemp("prefect")) as server, client_settings(server):
        yield server


@pytest.fixture
def example(
    prefect_server: PrefectServer,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> ModuleType:
    """The `flow.py` beside the test, imported afresh with an empty folder as its working directory."""
    monkeypatch.chdir(tmp_path)
    return load_flow_file(request.path.with_name("flow.py"))


def load_flow_file(path: Path) -> ModuleType:
    """Import `path` under its folder's name: every example's entry file is called flow.py."""
    specification = importlib.util.spec_from_file_location(f"{path.parent.name}_flow", path)
    assert specification is not None and specification.loader is not None, f"{path}: not a Python file"
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module
    specification.loader.exec_module(module)
    return module
