"""One flow on four schedules, and the runs that were missed: what comes back by itself, and what has to be asked for.

What: cron, interval and recurrence rule, each with parameters of its own; `ask_for` makes the runs nobody scheduled.
When: the same code at different times for different shops. For one night a day see ../cron_schedule.
Run: uv run python flow.py
Expect: the number of days asked for, 3; a second call asks for the same runs and makes none.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect import flow, runtime
from prefect.deployments import run_deployment
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval, RRule

ZONE = "Europe/Zurich"
MONDAY = datetime(2026, 3, 2, 6, tzinfo=ZoneInfo(ZONE))
SCHEDULES = [
    Cron("30 6 * * 1-5", timezone=ZONE, slug="workdays", parameters={"shop": "bern"}),
    Cron("0 6 1-7 * 1", timezone=ZONE, day_or=False, slug="first-monday", parameters={"shop": "all"}),
    Interval(timedelta(hours=36), anchor_date=MONDAY, timezone=ZONE, slug="stock", parameters={"shop": "basel"}),
    RRule("DTSTART:20260302T060000\nRRULE:FREQ=MONTHLY;BYDAY=-1FR", timezone=ZONE, slug="last-friday"),
]


@flow
def report(shop: str = "all") -> str:
    """The shop and the local day of the tick."""
    tick = runtime.flow_run.scheduled_start_time.astimezone(ZoneInfo(ZONE))
    return f"{shop} {tick:%Y-%m-%d}"


def deployment() -> RunnerDeployment:
    """The deployment with all schedules; a slug names each in the API, the CLI and `prefect deployment schedule`."""
    return report.to_deployment("scheduled", schedules=SCHEDULES)


def ask_for(deployment_id: UUID, first: date, days: int) -> list[UUID]:
    """One run a day at 06:30 UTC from `first` on, at most one however often this is called; the ids of the runs."""
    ticks = [datetime.combine(first + timedelta(days=day), time(6, 30), UTC) for day in range(days)]
    return [
        run_deployment(deployment_id, scheduled_time=tick, timeout=0, idempotency_key=f"report {tick.date()}").id
        for tick in ticks
    ]


if __name__ == "__main__":
    print(len(ask_for(deployment().apply(), date(2026, 3, 2), 3)))
