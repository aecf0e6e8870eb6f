"""What an automation does for given events: its actions, done or failed, or nothing.

Real: the automation on the server, the events, the server's triggers and actions. Simulated: nothing; time is not
either, so a proactive trigger needs its `within` (10 s at least) to pass.

Two questions have no answer in Prefect's API: whether the server watches a new automation yet (events before that are
lost on it) and whether it is done with an event that starts nothing. A second automation, made after the first, is asked
instead. The server evaluates events side by side, so one that it acts on may overtake an earlier one by moments, and an
action may end seconds after its trigger: the answer is given when every trigger has its actions and QUIET_SECONDS brought
no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from prefect.automations import Automation, DoNothing, EventTrigger, Posture
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.events import Event, emit_event
from private_names import send_what_waits
from server_events import read_events

WAIT_SECONDS = 60
QUIET_SECONDS = 1.5  # three times the interval at which the server stores events
TRIGGERED = "prefect.automation.triggered"
DONE = "prefect.automation.action.executed"
FAILED = "prefect.automation.action.failed"


@dataclass(frozen=True)
class Action:
    """One action of the automation: its type, why it failed (None if it did not), and the run that it made."""

    type: str
    failure: str | None
    flow_run: FlowRun | None


def actions_after(automation: Automation, emit: Callable[[], object]) -> list[Action]:
    """Create `automation`, call `emit`, and give what the automation did about it; it is deleted at the end.

    The actions stand in the order in which they ended, which need not be that of the events.
    Raises TimeoutError when the server does not act on the harness's own event within WAIT_SECONDS.
    """
    created = automation.create()
    echo = _echo_automation().create()
    try:
        _wait_for_echo(echo, again_every=1)
        since = datetime.now(UTC)
        emit()
        _wait_for_echo(echo, again_every=WAIT_SECONDS)
        return [_action(event) for event in _settled(created, since)]
    finally:
        created.delete()
        echo.delete()


def _echo_automation() -> Automation:
    name = f"harness.echo.{uuid4()}"
    trigger = EventTrigger(expect={name}, posture=Posture.Reactive, threshold=1, within=timedelta(0))
    return Automation(name=name, trigger=trigger, actions=[DoNothing()])


def _wait_for_echo(echo: Automation, again_every: float) -> None:
    """Return once the server has acted on an event that is sent now, and again every so many seconds."""
    started = datetime.now(UTC)
    deadline = time.monotonic() + WAIT_SECONDS
    next_time = 0.0
    while not read_events([DONE], _resource(echo), started):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server acted on no event within {WAIT_SECONDS} s; are its triggers and actions services on?")
        if time.monotonic() >= next_time:
            emit_event(echo.name, {"prefect.resource.id": echo.name})
            send_what_waits()
            next_time = time.monotonic() + again_every
        time.sleep(0.1)


def _settled(automation: Automation, since: datetime) -> list[Event]:
    """The ends of all actions of the automation, once no trigger is without them and no more come."""
    deadline = time.monotonic() + WAIT_SECONDS
    seen, quiet_since = -1, time.monotonic()
    while time.monotonic() < deadline:
        triggered = read_events([TRIGGERED], _resource(automation), since)
        ended = read_events([DONE, FAILED], _resource(automation), since)
        if len(triggered) + len(ended) != seen:
            seen, quiet_since = len(triggered) + len(ended), time.monotonic()
        elif len(ended) >= len(triggered) * len(automation.actions) and time.monotonic() - quiet_since > QUIET_SECONDS:
            return ended
        time.sleep(0.1)
    raise TimeoutError(f"{len(triggered)} triggers and {len(ended)} ended actions after {WAIT_SECONDS} s, and not all are there")


def _resource(automation: Automation) -> str:
    return f"prefect.automation.{automation.id}"


def _action(event: Event) -> Action:
    made = [related.id for related in event.related if related.id.startswith("prefect.flow-run.")]
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(made[0].removeprefix("prefect.flow-run."))) if made else None
    failure = event.payload.get("reason", "no reason") if event.event == FAILED else None
    return Action(event.payload["action_type"], failure, run)
