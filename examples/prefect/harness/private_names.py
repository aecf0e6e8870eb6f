"""Every name of Prefect that the harness uses and no documentation promises, in one place.

`test_private_names.py` fails with the name and its use when a new version moves one. Nothing here is simulated.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import Any

from prefect import Flow, State
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.context import get_settings_context
from prefect.exceptions import Pause

USES = {
    "prefect.events.worker:EventsWorker.drain_all": "sends the events that wait in this process; task runs are such events",
    "prefect.logging.handlers:APILogWorker.drain_all": "sends the log lines that wait in this process",
    "prefect.flow_engine:run_flow": "executes a run that exists on the server already, as a worker's process does",
    "prefect.context:_temporary_global_settings_context": "gives settings to threads that begin without a context",
    "prefect.server.schemas.schedules:CronSchedule.get_dates": "gives the ticks of a cron schedule",
    "prefect.server.schemas.schedules:IntervalSchedule.get_dates": "gives the ticks of an interval schedule",
    "prefect.server.schemas.schedules:RRuleSchedule.get_dates": "gives the ticks of a recurrence rule",
}


def private_name(path: str) -> Any:
    """The object behind one of `USES`. Raises LookupError that says what the harness needs it for."""
    module, _, names = path.partition(":")
    try:
        value = import_module(module)
        for name in names.split("."):
            value = getattr(value, name)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"this Prefect has no {path}; the harness needs what {USES[path]}") from error
    return value


@contextmanager
def settings_for_all_threads() -> Iterator[None]:
    """What `temporary_settings` has set, also for threads that copy no context, until the block ends."""
    with private_name("prefect.context:_temporary_global_settings_context")(get_settings_context()):
        yield


def send_what_waits() -> None:
    """Send this process's events and log lines to the server; both leave in background threads."""
    private_name("prefect.events.worker:EventsWorker.drain_all")(at_exit=False)  # at exit it also warns of what waits
    private_name("prefect.logging.handlers:APILogWorker.drain_all")(at_exit=False)


def execute_run(flow: Flow[..., Any], flow_run: FlowRun, parameters: dict[str, Any] | None = None) -> State[Any]:
    """The last state of a run that the server knows already, executed in this process; an async flow gets a loop.

    Without `parameters` the run has those that the server stored, as in a worker. A flow that suspends itself leaves the
    engine by a signal, which ends a worker's process; here the state is Suspended.
    """
    run_flow = private_name("prefect.flow_engine:run_flow")
    try:
        state = run_flow(flow, flow_run=flow_run, parameters=parameters, return_type="state")
        return asyncio.run(_awaited(state)) if inspect.isawaitable(state) else state
    except Pause as suspended:
        return suspended.state


async def _awaited(awaitable: Awaitable[State[Any]]) -> State[Any]:
    return await awaitable


def server_dates(schedule: CronSchedule | IntervalSchedule | RRuleSchedule, count: int, start: datetime) -> list[datetime]:
    """The first `count` moments of a schedule from `start` on, by the server's class of the same name."""
    get_dates = private_name(f"prefect.server.schemas.schedules:{type(schedule).__name__}.get_dates")
    own_class = getattr(import_module(get_dates.__module__), type(schedule).__name__)
    return asyncio.run(own_class.model_validate(schedule.model_dump()).get_dates(count, start))
