"""What the tests of every Prefect example share: one server per session, and the example's own `flow.py`."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent / "harness"))

from clean_slate import wipe  # noqa: E402
from prefect_server import PrefectServer, client_settings, configured_server, running_server  # noqa: E402


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[PrefectServer]:
    """A real server for the whole session, to which this process's flows report.

    The one that PREFECT_API_URL names, if that is on loopback and answers; otherwise its own.
    """
    folder = tmp_path_factory.mktemp("prefect")
    if server := configured_server(folder):
        with client_settings(server):
            yield server
        return
    started = time.monotonic()
    with running_server(folder) as server, client_settings(server):
        show(request.config, f"Prefect server {server.api_url} started in {time.monotonic() - started:.1f} s")
        yield server


@pytest.fixture
def clean_server(prefect_server: PrefectServer) -> PrefectServer:
    """The session's server without flows, runs, deployments, automations, limits, variables, blocks, stored results."""
    wipe(prefect_server)
    return prefect_server


def show(config: pytest.Config, line: str) -> None:
    """Write a line to the terminal; a process of pytest-xdist has none."""
    if (reporter := config.pluginmanager.getplugin("terminalreporter")) is not None:
        reporter.ensure_newline()
        reporter.write_line(line)


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
