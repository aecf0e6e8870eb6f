"""A real process worker that executes what is scheduled in its pool, once, and ends.

Real: `prefect worker start --run-once` as its own process, the deployment's pull of its code from a folder, and a process
for each run. Simulated: the wait for the next poll; a run that is due later is not waited for. Absent: worker heartbeats
over time, Docker and Kubernetes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun

WAIT_SECONDS = 180


def deploy_to_pool(file: Path, function: str, pool: str, name: str = "here", **options: object) -> UUID:
    """Deploy the flow `function` of a file from the file's own folder to a process pool, made if it is not there.

    Further `options` are those of `Flow.deploy`, such as `parameters=` or `concurrency_limit=`.
    """
    with get_client(sync_client=True) as client:
        if pool not in {known.name for known in client.read_work_pools()}:
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    source = Flow.from_source(source=str(file.parent), entrypoint=f"{file.name}:{function}")
    return source.deploy(name, work_pool_name=pool, build=False, push=False, print_next_steps=False, **options)


def work_once(pool: str) -> str:
    """Let a worker execute every run that is due now, and return what it printed, the runs' output included.

    Raises RuntimeError with that output when the worker fails or has not ended after WAIT_SECONDS; it is ended then.
    """
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process", "--run-once"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        printed, _ = process.communicate(timeout=WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, _ = process.communicate()
        raise RuntimeError(f"the worker of pool {pool!r} has not ended after {WAIT_SECONDS} s: {printed[-2000:]}") from None
    if process.returncode:
        raise RuntimeError(f"the worker of pool {pool!r} ended with exit code {process.returncode}: {printed[-2000:]}")
    return printed


def start_run(deployment_id: UUID, **parameters: object) -> FlowRun:
    """Ask for a run of a deployment, due at once; nothing executes it yet."""
    with get_client(sync_client=True) as client:
        return client.create_flow_run_from_deployment(deployment_id, parameters=parameters)
