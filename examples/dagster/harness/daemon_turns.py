"""Turns of the daemon at moments that the test chooses: sensors and schedules tick, and their runs are executed.

Real: the daemon's own code for sensors and schedules, so cursors, intervals, switched-off ones, run keys, dynamic
partitions, missed ticks and failed ticks are what they would be; each launched run is executed before the turn ends.
Simulated: the clock (Dagster's, not `datetime.now()` of your code), the code server, the queue, the run's process.
Left out: backfills that a sensor asks for, the asset daemon, and jobs with an executor_def of their own that starts processes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from code_location import Source, as_definitions, live_location
from finished_run import FinishedRun, innermost_error, read_run
from private_names import frozen_at, in_process_workspace, schedule_turn, sensor_turn

LOG = logging.getLogger("daemon_turns")  # what the daemon would log, for pytest's caplog


@dataclass(frozen=True)
class Tick:
    """One evaluation of a sensor or schedule.

    `status`: "SUCCESS", "SKIPPED" or "FAILURE". `runs`: what it launched, finished. `known_run_keys`: requests of a
    sensor that made no run because one with their key exists. `cursor`: what the tick stored. `error`: "Type: message".
    """

    name: str
    moment: datetime
    status: str
    runs: list[FinishedRun] = field(default_factory=list)
    known_run_keys: list[str] = field(default_factory=list)
    skip_reason: str | None = None
    cursor: str | None = None
    error: str | None = None

    @property
    def partitions(self) -> list[str | None]:
        """The partition of each launched run, None for a run without one."""
        return [run.tags.get("dagster/partition") for run in self.runs]


@dataclass
class Daemon:
    """A daemon that only moves when `turn` is called."""

    instance: dg.DagsterInstance
    workspace: Any
    now: datetime
    seen: set[int] = field(default_factory=set)

    def turn(self, moment: datetime) -> list[Tick]:
        """One turn at `moment`: what ticked, by name, sensors first. One that is STOPPED, the default, never ticks.

        Within a turn the daemon takes sensors in random order: what one starts, another may see a turn later.
        """
        if moment < self.now:
            raise ValueError(f"turn at {moment}: the daemon is at {self.now} already, its clock only goes forward")
        self.now = moment
        with frozen_at(moment.astimezone(UTC)):
            sensor_turn(self.workspace, LOG)
            schedule_turn(self.workspace, LOG, moment.astimezone(UTC))
        return [tick for instigator in self._instigators().values() for tick in self._new_ticks(instigator)]

    def switch_on(self, name: str) -> None:
        """What the toggle of the UI does, at the daemon's present time; raises KeyError for an unknown name."""
        instigator = self._instigator(name)
        with frozen_at(self.now.astimezone(UTC)):
            if hasattr(instigator, "cron_schedule"):
                self.instance.start_schedule(instigator)
            else:
                self.instance.start_sensor(instigator)

    def set_cursor(self, sensor: str, cursor: str | None) -> None:
        """Overwrite a sensor's stored cursor, as the UI does; None resets it."""
        instigator = self._instigator(sensor)
        state = self.instance.get_instigator_state(instigator.get_remote_origin_id(), instigator.selector_id)
        if state is None:
            raise ValueError(f"{sensor} has no cursor before its first tick")
        data = state.instigator_data
        self.instance.update_instigator_state(state.with_data(type(data)(**{**data._asdict(), "cursor": cursor})))

    def _instigator(self, name: str) -> Any:
        known = self._instigators()
        if name not in known:
            raise KeyError(f"no sensor or schedule {name!r}; there are {sorted(known)}")
        return known[name]

    def _instigators(self) -> dict[str, Any]:
        [entry] = self.workspace.create_request_context().get_code_location_entries().values()
        [repository] = entry.code_location.get_repositories().values()
        groups = (repository.get_sensors(), repository.get_schedules())
        return {one.name: one for group in groups for one in sorted(group, key=lambda one: one.name)}

    def _new_ticks(self, instigator: Any) -> Iterator[Tick]:
        stored = self.instance.get_ticks(instigator.get_remote_origin_id(), instigator.selector_id)
        for tick in sorted(stored, key=lambda tick: tick.tick_id):
            if tick.tick_id not in self.seen:
                self.seen.add(tick.tick_id)
                yield self._read(instigator.name, tick)

    def _read(self, name: str, tick: Any) -> Tick:
        runs = [read_run(self.instance, run_id) for run_id in tick.run_ids if self.instance.has_run(run_id)]
        known = [request.run_key for _, request in tick.unsubmitted_run_ids_with_requests]
        error = innermost_error(tick.error) if tick.error else None
        moment = datetime.fromtimestamp(tick.timestamp, UTC)
        return Tick(name, moment, tick.status.value, runs, known, tick.skip_reason, tick.cursor, error)


@contextmanager
def running_daemon(
    source: Source,
    instance: dg.DagsterInstance,
    start: datetime,
    resources: Mapping[str, Any] | None = None,
) -> Iterator[Daemon]:
    """A daemon that starts at `start`, for a stored instance; schedules count from there, sensors tick at `turn`.

    Raises RuntimeError with Dagster's message when the code location does not load.
    """
    if not instance.is_persistent:
        raise ValueError("an instance in memory stores no ticks: use the stored_instance fixture")
    with live_location(as_definitions(source, resources)) as module, in_process_workspace(instance, module) as workspace:
        [entry] = workspace.create_request_context().get_code_location_entries().values()
        if entry.load_error is not None:
            raise RuntimeError(f"the code location does not load: {innermost_error(entry.load_error)}")
        with frozen_at(start.astimezone(UTC)):
            schedule_turn(workspace, LOG, start.astimezone(UTC))
        yield Daemon(instance, workspace, start)
