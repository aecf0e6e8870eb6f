"""A pipeline announces its table; another starts on that; what fails is told to people once.

What: an automation starts `publish` for each `orders.loaded` event; `alert` posts failures, a hook with no server needed.
When: pipelines of different owners. Within one flow call the next flow; with an answer needed, `run_deployment`.
Run: uv run python flow.py
Expect: the rows loaded, 3; alerts go to SHOP_ALERT_URL, or to the log where it is not set.
"""

from __future__ import annotations

import os
from datetime import timedelta
from uuid import UUID

import httpx
from prefect import Flow, State, flow, get_run_logger
from prefect.automations import Automation, EventTrigger, Posture, RunDeployment
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.events import emit_event

TABLE = "shop.orders"


def alert(flow: Flow, run: FlowRun, state: State) -> None:
    """Post a failed run where a Slack webhook would be. Raises on an answer other than 2xx; Prefect logs that."""
    text = f"{flow.name} / {run.name} is {state.name}: {state.message}"
    url = os.environ.get("SHOP_ALERT_URL")
    if url:
        httpx.post(url, json={"text": text}, timeout=10).raise_for_status()


@flow(on_failure=[alert], on_crashed=[alert])
def load(rows: int = 3) -> int:
    """Load and announce. Raises ValueError when there is nothing to load."""
    if rows < 1:
        raise ValueError("no rows")
    emit_event("orders.loaded", {"prefect.resource.id": TABLE, "shop.layer": "raw"}, payload={"rows": rows})
    return rows


@flow
def publish(rows: int = 0) -> str:
    """What runs after the load."""
    get_run_logger().info("%d rows published", rows)
    return f"published {rows}"


@flow
def load_then_publish(deployment_id: UUID | None = None, rows: int = 3) -> str | None:
    """The same dependency with an answer: wait for the other pipeline's run and fail with it."""
    load(rows)
    if deployment_id is None:
        return None
    run = run_deployment(deployment_id, parameters={"rows": rows}, timeout=600)
    if run.state is None or not run.state.is_completed():  # a failed run is returned, not raised
        raise RuntimeError(f"{run.name} is {run.state_name}")
    return run.name


def after_load(publish_id: UUID) -> Automation:
    """One run of `publish` for each load of the table; the number keeps its type through the second template kind."""
    trigger = EventTrigger(
        expect={"orders.loaded"}, match={"prefect.resource.id": TABLE}, posture=Posture.Reactive, threshold=1,
        within=timedelta(0),
    )  # fmt: skip
    rows = {"__prefect_kind": "json", "value": {"__prefect_kind": "jinja", "template": "{{ event.payload.rows }}"}}
    action = RunDeployment(source="selected", deployment_id=publish_id, parameters={"rows": rows})
    return Automation(name="publish after load", trigger=trigger, actions=[action])


def three_in_a_minute(publish_id: UUID) -> Automation:
    """One run for three loads, counted for each shop: `for_each` groups by a label of the resource."""
    trigger = EventTrigger(
        expect={"shop.sold"}, for_each={"prefect.resource.id"}, posture=Posture.Reactive, threshold=3,
        within=timedelta(minutes=1),
    )  # fmt: skip
    return Automation(
        name="restock", trigger=trigger, actions=[RunDeployment(source="selected", deployment_id=publish_id, parameters={})]
    )


def load_is_missing(table: str, publish_id: UUID, within: timedelta = timedelta(hours=24)) -> Automation:
    """One run when no load of `table` was announced for `within` (10 s at least): what no failure hook can tell."""
    trigger = EventTrigger(
        expect={"orders.loaded"}, match={"prefect.resource.id": table}, posture=Posture.Proactive, threshold=1, within=within,
    )  # fmt: skip
    action = RunDeployment(source="selected", deployment_id=publish_id, parameters={})
    return Automation(name=f"no load of {table}", trigger=trigger, actions=[action])


if __name__ == "__main__":
    print(load())
