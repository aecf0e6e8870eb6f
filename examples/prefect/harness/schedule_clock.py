"""The ticks of a schedule, and a flow run at one of them, whatever the time is now.

Real: the dates come from the server's own schedule code; the run is a scheduled run on the server, executed
by the flow engine in this process; `scheduled_runs` reads what the server's scheduler made by itself.
Simulated: waiting. No worker picks the run up at its moment; the test executes it at once.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule
from prefect.schedules import Schedule
from prefect.states import Scheduled
from private_names import execute_run, server_dates

Result = TypeVar("Result")
SCHEDULER_SECONDS = 60  # the server looks for new deployments every 5 s


def cron_ticks(schedule: Schedule, start: datetime, count: int) -> list[datetime]:
    """The first `count` moments of a cron schedule, from `start` on."""
    asked = CronSchedule(cron=schedule.cron, timezone=schedule.timezone, day_or=schedule.day_or)
    return server_dates(asked, count, start)


def run_scheduled_at(flow: Flow[..., Result], tick: datetime) -> Result:
    """The result of a run of `flow` with default parameters that was scheduled for `tick`, past or future."""
    with get_client(sync_client=True) as client:
        flow_run = client.create_flow_run(flow, state=Scheduled(scheduled_time=tick))
    return execute_run(flow, flow_run).result()


def scheduled_runs(deployment_id: UUID) -> list[FlowRun]:
    """The runs that the scheduler made for a deployment, in order of time; waits for the first.

    Raises TimeoutError after SCHEDULER_SECONDS.
    """
    deployment = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id]))
    deadline = time.monotonic() + SCHEDULER_SECONDS
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            if runs := client.read_flow_runs(deployment_filter=deployment):
                return sorted(runs, key=lambda run: run.expected_start_time)
            time.sleep(0.2)
    raise TimeoutError(f"no scheduled run of deployment {deployment_id} after {SCHEDULER_SECONDS} s")
