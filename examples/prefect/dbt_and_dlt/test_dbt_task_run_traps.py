"""Green flows without the task runs of their dbt nodes: no manifest could be read, or nobody waited for their threads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

import pytest
from finished_run import FinishedRun, read_run, run_and_read
from prefect import flow, tags
from prefect.client.schemas.objects import TaskRun
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings
from prefect_server import PrefectServer, client_settings

HERE = Path(__file__).parent
SLOT = b"/concurrency_limits/increment"  # every task run with a tag asks for one, whether its tag has a limit or not


class SlowApi(ThreadingTCPServer):
    """Passes everything on to a server, websockets too, and a request for a slot only once `answers` is set."""

    daemon_threads = True

    def __init__(self, server: PrefectServer) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        url = urlsplit(server.api_url)
        self.target, self.url = (url.hostname, url.port), f"http://127.0.0.1:{self.server_address[1]}{url.path}"
        self.answers, self.asked = threading.Event(), 0


class Connection(BaseRequestHandler):
    """One connection of a client, and its twin to the server."""

    server: SlowApi

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as twin:
            threading.Thread(target=self.pass_on, args=(twin, self.request), daemon=True).start()
            self.pass_on(self.request, twin)

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while sent := source.recv(65536):
                if SLOT in sent:
                    self.server.asked += 1
                    self.server.answers.wait()
                target.sendall(sent)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def slow_api(prefect_server: PrefectServer) -> Iterator[SlowApi]:
    """The session's server behind the slow one; this process's flows report to the slow one."""
    with SlowApi(prefect_server) as api:
        threading.Thread(target=api.serve_forever, daemon=True).start()
        with client_settings(replace(prefect_server, api_url=api.url)):
            yield api
            api.answers.set()
            wait_for_nodes()
        api.shutdown()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PrefectDbtSettings:
    """The example's dbt project, which has one seed; a database of its own, and dbt writes elsewhere."""
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.duckdb"))
    monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    return PrefectDbtSettings(project_dir=HERE / "dbt_shop", profiles_dir=HERE / "dbt_shop", target_path=tmp_path / "target")


def reading_first(settings: PrefectDbtSettings, logs: list[str]) -> PrefectDbtRunner:
    """The way out: a runner that has read the manifest before dbt writes it again; it reads it once."""
    runner = PrefectDbtRunner(settings=settings)
    runner.invoke(["parse", *logs])
    assert runner.manifest.nodes
    return runner


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server")
def test_trap_without_a_readable_manifest_no_node_is_a_task_run(settings: PrefectDbtSettings, tmp_path: Path) -> None:
    """The runner reads the file at a node's start; what goes wrong there is dropped, and the flow is Completed. dbt may be
    writing the file at that moment; here it never does. A runner that has read it before misses nothing."""
    logs = ["--log-path", str(tmp_path / "logs")]

    @flow
    def seed(first: bool) -> bool:
        runner = reading_first(settings, logs) if first else PrefectDbtRunner(settings=settings)
        (tmp_path / "target" / "manifest.json").unlink(missing_ok=True)
        return runner.invoke(["seed", "--no-write-json", *logs]).success

    runs = [run_and_read(seed, first=first) for first in (False, True)]
    assert [(run.state.name, run.result) for run in runs] == [("Completed", True)] * 2
    assert [[each.name for each in run.task_runs] for run in runs] == [[], ["seed products"]]


def wait_for_nodes() -> None:
    """The way out: return once the threads that report dbt's nodes have ended."""
    for thread in threading.enumerate():
        if thread.name.endswith("(run_task)"):
            thread.join()


@pytest.mark.slow
def test_trap_a_flow_is_completed_before_its_dbt_nodes(slow_api: SlowApi, settings: PrefectDbtSettings, tmp_path: Path) -> None:
    """While the API is asked for the slot of a tag, dbt and the flow end. Without a tag nothing is asked; a flow that waits
    for the threads ends after its nodes."""

    logs = ["--log-path", str(tmp_path / "logs")]

    @flow
    def seed(tag: str = "", waits: bool = False) -> None:
        with tags(*tag.split()):
            reading_first(settings, logs).invoke(["seed", *logs])
        if waits:
            slow_api.answers.set()
            wait_for_nodes()

    assert (node(run_and_read(seed)).state_name, slow_api.asked) == ("Completed", 0)
    state = seed(tag="nightly", return_state=True)
    slow_api.answers.set()
    wait_for_nodes()
    run = read_run(state.state_details.flow_run_id)
    assert (run.state.name, slow_api.asked > 0) == ("Completed", True)
    assert node(run).start_time > run.flow_run.end_time
    slow_api.answers.clear()
    waited = run_and_read(seed, tag="weekly", waits=True)  # the answer about a tag without a limit is kept for seconds
    assert node(waited).end_time < waited.flow_run.end_time


def node(run: FinishedRun) -> TaskRun:
    [found] = run.task_runs
    return found
