"""What may happen to a deferred task: its trigger really runs, an event of the test's arrives, or time runs out.

Real: the trigger's own `run()` on an event loop, made from the row that the deferral wrote (so its arguments
went through Airflow's serialization); Airflow's code that resumes or fails the task, keeping `kwargs` of `defer()`.
Simulated: the triggerer process; a trigger runs alone, here, in an importable module of this process.
`dag.test()` differs: it takes the first event only and drops the keyword arguments.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from private_names import as_supervised

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.triggers.base import BaseTrigger, TriggerEvent

Deferral = Callable[["TaskInstance"], None]
TRIGGER_LIMIT = 30.0
DAG_FILE_PREFIX = "unusual_prefix_"  # what DagBag puts before the module name of a DAG file


def collect_events(trigger: BaseTrigger, limit: int = 100, seconds: float = TRIGGER_LIMIT) -> list[TriggerEvent]:
    """Run `trigger` to its end, or to its `limit`-th event; raises TimeoutError after `seconds` of real time."""

    async def collect() -> list[TriggerEvent]:
        events: list[TriggerEvent] = []
        async for event in trigger.run():
            events.append(event)
            if len(events) >= limit:
                break
        await trigger.cleanup()
        return events

    return asyncio.run(asyncio.wait_for(collect(), seconds))


def run_trigger(instance: TaskInstance) -> None:
    """Run the trigger of a deferred task to its first event, then resume the task, or fail it as the triggerer does."""
    from airflow import settings
    from airflow.models.trigger import Trigger

    row = _trigger_of(instance)
    try:
        with as_supervised(instance.id):
            events = collect_events(load_trigger(row), limit=1)
        failure: Any = None if events else "the trigger ended without an event"
    except Exception as error:
        events, failure = [], error
    if failure is not None:
        print(f"trigger {row.classpath}: {failure!r}")
    if events:
        Trigger.submit_event(row.id, events[0], session=settings.Session())
    else:
        Trigger.submit_failure(row.id, failure, session=settings.Session())


def send_event(payload: Any) -> Deferral:
    """Do not run the trigger; resume the task with this payload, as if the outside system had answered so."""

    def submit(instance: TaskInstance) -> None:
        from airflow import settings
        from airflow.models.trigger import Trigger
        from airflow.triggers.base import TriggerEvent

        Trigger.submit_event(_trigger_of(instance).id, TriggerEvent(payload), session=settings.Session())

    return submit


def time_out(instance: TaskInstance) -> None:
    """Let the `timeout` of `defer()` pass, by the scheduler's own check; ValueError when the task set none."""
    from airflow import settings
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    if instance.trigger_timeout is None:
        raise ValueError(f"{instance.task_id}: deferred without a timeout: it would wait for ever; pass defer(timeout=...)")
    session = settings.Session()
    instance.trigger_timeout -= instance.trigger_timeout - instance.start_date + timedelta(seconds=1)
    session.merge(instance)
    session.commit()
    SchedulerJobRunner(job=Job(), executors=[]).check_trigger_timeouts(session=session)
    session.commit()


def load_trigger(row: Trigger) -> BaseTrigger:
    """Make the trigger from its row, as the triggerer does: import its dotted path, decode its arguments.

    Raises ImportError for a class that stands in a DAG file: this process has loaded that file, a triggerer has not.
    """
    from importlib import import_module

    module, _, name = row.classpath.rpartition(".")
    if module.startswith(DAG_FILE_PREFIX):
        raise ImportError(f"{name} is defined in a DAG file, which a triggerer cannot import: put it into a package")
    return getattr(import_module(module), name)(**row.kwargs)


def _trigger_of(instance: TaskInstance) -> Trigger:
    from airflow import settings
    from airflow.models.trigger import Trigger

    row = settings.Session().get(Trigger, instance.trigger_id)
    if row is None:
        raise LookupError(f"{instance.task_id}: deferred, but the database holds no trigger {instance.trigger_id}")
    return row
