"""Files land in a folder, in any order; each becomes exactly one run.

What: a poller asks for one run a file; by the idempotency key (path and content) a repeat finds that run.
When: the producer cannot call anything. If it can emit events, start runs with the automation of `on_landed`.
Run: uv run python flow.py
Expect: two load-file runs in the second minute, then one for each file put into landing/; stop with Ctrl-C.
"""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import duckdb
from prefect import flow, serve
from prefect.automations import Automation, EventTrigger, Posture, RunDeployment
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound

LANDING = Path(os.environ.get("SHOP_LANDING", Path(__file__).parent / "landing"))


@flow(flow_run_name="load {path}")
def load_file(path: Path = LANDING / "orders_2026-03-01.csv") -> int:
    """Load one file's orders, replacing those of an earlier run of it; the rows loaded."""
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS orders (order_id BIGINT, total_cents BIGINT, file VARCHAR)")
        database.begin()
        database.execute("DELETE FROM orders WHERE file = ?", [path.name])
        database.execute("INSERT INTO orders SELECT *, ? FROM read_csv(?)", [path.name, str(path)])
        database.commit()
        return database.execute("SELECT count(*) FROM orders WHERE file = ?", [path.name]).fetchall()[0][0]


def landed_deployment() -> RunnerDeployment:
    """The deployment that runs once a file."""
    return load_file.to_deployment("landed")


def landed_deployment_id() -> UUID:
    """Its id; registered only when missing, because registering again would resume a paused deployment."""
    with get_client(sync_client=True) as client:
        try:
            return client.read_deployment_by_name("load-file/landed").id
        except ObjectNotFound:
            return landed_deployment().apply()


@flow
def watch_folder(folder: Path = LANDING) -> list[UUID]:
    """Ask for a run of every file in the folder, old and new; the ids of their runs, in order of names."""
    deployment_id, runs = landed_deployment_id(), []
    for path in sorted(folder.glob("*.csv")):
        key = f"landed {path} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        parameters = {"path": str(path)}
        runs.append(run_deployment(deployment_id, parameters=parameters, timeout=0, idempotency_key=key).id)
    return runs


def on_landed(deployment_id: UUID) -> Automation:
    """One run for each `file.landed` event; a file announced twice runs twice, which `load_file` can bear."""
    trigger = EventTrigger(expect={"file.landed"}, posture=Posture.Reactive, threshold=1, within=timedelta(0))
    path = {"__prefect_kind": "jinja", "template": "{{ event.payload.path }}"}
    action = RunDeployment(source="selected", deployment_id=deployment_id, parameters={"path": path})
    return Automation(name="load landed files", trigger=trigger, actions=[action])


if __name__ == "__main__":
    serve(landed_deployment(), watch_folder.to_deployment("every-minute", interval=60))
