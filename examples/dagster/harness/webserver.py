"""Dagster's webserver on loopback, in this process, over live definitions: for code that asks it from outside.

Real: HTTP, GraphQL, launching, what the webserver refuses; each launched run is executed before the answer is sent.
Simulated: the processes of webserver, code server and run, and the queue: a deployment answers at once, with a run that
is queued. Needs dagster-webserver. A launched backfill is stored, and run by `finish_backfill` of `run_backfills`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
import uvicorn  # a dependency of dagster-webserver
from code_location import Source, as_definitions, live_location
from private_names import in_process_workspace, webserver_app

WAIT_SECONDS = 60


@dataclass(frozen=True)
class Webserver:
    """`location` is the name of the code location, its repository is `__repository__`.

    `url` has no path. DagsterGraphQLClient wants `host` and `port_number=port`: it takes no scheme.
    """

    url: str
    host: str
    port: int
    location: str
    workspace: Any


@contextmanager
def running_webserver(source: Source, instance: dg.DagsterInstance) -> Iterator[Webserver]:
    """A webserver for a stored instance; it is stopped, and its port free, when the block ends.

    Two launches at one moment need an instance that queues its runs: executed at once, they wait for each other for ever.
    """
    if not instance.is_persistent:
        raise ValueError("threads of the webserver cannot share an instance in memory: use the stored_instance fixture")
    with (
        socket.create_server(("127.0.0.1", 0)) as port,
        live_location(as_definitions(source)) as module,
        in_process_workspace(instance, module) as workspace,
    ):
        server = uvicorn.Server(uvicorn.Config(webserver_app(workspace), log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [port]}, daemon=True)
        thread.start()
        try:
            _wait_for(server, thread)
            host, number = port.getsockname()
            yield Webserver(f"http://{host}:{number}", host, number, module, workspace)
        finally:
            server.should_exit = True
            thread.join(WAIT_SECONDS)


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError(f"the webserver did not start within {WAIT_SECONDS} s")
        time.sleep(0.02)
