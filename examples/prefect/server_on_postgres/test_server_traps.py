"""What one writer does to a server on SQLite, what rendering asks for, and which versions the server is bound to."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from contextvars import copy_context
from importlib.metadata import requires
from pathlib import Path

import pytest
from no_server import no_server
from packaging.requirements import Requirement
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect_kubernetes.worker import KubernetesWorker, KubernetesWorkerJobConfiguration
from prefect_server import PrefectServer

HELD_SECONDS = 2


@pytest.fixture
def database(prefect_server: PrefectServer) -> Path:
    """The SQLite file of the session's own server."""
    if prefect_server.pid is None:
        pytest.skip("the server was there before: its database is not this session's to lock")
    return prefect_server.home / "prefect.db"


def test_trap_one_who_writes_into_sqlite_stops_every_run(database: Path) -> None:
    """Reads go on, the run waits for the writer, and nothing is lost: it is Completed once the other lets go."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other, ThreadPoolExecutor() as pool:
        other.execute("BEGIN IMMEDIATE")
        run = pool.submit(copy_context().run, lambda: flow(name="waits")(lambda: 3)(return_state=True).name)
        with get_client(sync_client=True) as client:
            client.read_flows(limit=1)
        waiting = wait([run], timeout=HELD_SECONDS).not_done
        other.execute("ROLLBACK")
        assert (waiting, run.result(timeout=60)) == ({run}, "Completed")


def test_trap_rendering_asks_for_an_api() -> None:
    """Unless a client is given, of an address that need not answer."""
    template, values = KubernetesWorker.get_default_base_job_template(), {"image": "shop:1"}
    render = KubernetesWorkerJobConfiguration.from_template_and_values
    with no_server():
        with pytest.raises(ValueError, match="No Prefect API URL provided"):
            asyncio.run(render(template, values))
        assert asyncio.run(render(template, values, client=PrefectClient("http://127.0.0.1:1/api"))).job_manifest["spec"]


def test_trap_versions_that_the_server_is_bound_to() -> None:
    """FastAPI 0.151 is refused, and an index without certifi 2026.10.19 has no Prefect 3.9.1 for a resolver."""
    bound = {one.name.lower(): one.specifier for one in map(Requirement, requires("prefect") or [])}
    assert [bound["fastapi"].contains(version) for version in ("0.150.0", "0.151.0")] == [True, False]
    assert [bound["certifi"].contains(version) for version in ("2026.10.18", "2026.10.19")] == [False, True]
