"""When a schedule ticks, and what it asks for at a moment; no daemon, no run.

Real: the daemon's list of ticks with its time-zone rules, the schedule's function, partition and config resolution.
Left out: whether the schedule is switched on, missed ticks and the removal of repeated run keys (`daemon_turns`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING

import dagster as dg
from code_location import Source, as_definitions
from private_names import tick_times

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """What one evaluation asks for: run requests with resolved partition tags and config, or why it asks for none."""

    requests: list[dg.RunRequest]
    skip_reason: str | None = None

    @property
    def partitions(self) -> list[str | None]:
        """The partition of each request, None for a request without one."""
        return [request.partition_key for request in self.requests]


def ticks_between(source: Source, schedule: str, start: datetime, end: datetime) -> list[datetime]:
    """The moments in [start, end) at which the daemon would evaluate the schedule, in the schedule's time zone."""
    definition = as_definitions(source).resolve_schedule_def(schedule)
    for moment in (start, end):
        _refuse_naive(moment)
    moments = tick_times(start, definition.cron_schedule, definition.execution_timezone)
    return list(takewhile(lambda moment: moment < end, moments))


def evaluate_schedule(
    source: Source,
    schedule: str,
    moment: datetime,
    instance: dg.DagsterInstance | None = None,
    resources: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Evaluate at `moment`, which need not be a tick; raises what the schedule's function raises.

    `instance` is for functions that use `context.instance`, and must be a stored one: Dagster's
    `build_schedule_context` drops an ephemeral one without a word.
    """
    _refuse_naive(moment)
    if instance is not None and not instance.is_persistent:
        raise ValueError("a schedule context drops an instance in memory: use the stored_instance fixture")
    definitions = as_definitions(source, resources)
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=moment,
        repository_def=definitions.get_repository_def(),
        resources=definitions.resources,
    ) as context:
        data = definitions.resolve_schedule_def(schedule).evaluate_tick(context)
    return Evaluation(list(data.run_requests or []), data.skip_message)


def _refuse_naive(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: give it one, Dagster would read it as UTC")
