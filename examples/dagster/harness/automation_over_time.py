"""Automation conditions at moments that the test chooses: the asset daemon evaluates, and what it requests is run.

Real: the daemon's own code, so cursors, the latest time window, cron ticks and grouping into runs are what they would
be; each requested run is executed before the turn ends, and the next turn sees what it materialized.
Simulated: the clock (Dagster's, not `datetime.now()` of your code), the code server, the run's process.
Left out: runs that are still in progress at a turn (`~in_progress()` is never what stops a request), and observations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from code_location import Source, as_definitions
from daemon_turns import Daemon, running_daemon
from finished_run import FinishedRun
from private_names import automation_turn, frozen_at
from run_assets import run_assets
from run_backfills import finish_backfill, partition_of

DEFAULT_SENSOR = "default_automation_condition_sensor"  # made by Dagster, and STOPPED until somebody switches it on


@dataclass
class Automation:
    """Automation that only moves when `turn` is called; an interval of 30 s must lie between two turns.

    `runs`: all that was started so far; how assets are grouped into runs is the daemon's choice, several partitions of
    one asset are asked for as a backfill.
    """

    definitions: dg.Definitions
    daemon: Daemon
    runs: list[FinishedRun] = field(default_factory=list)

    def turn(self, moment: datetime) -> dict[str, list[str | None]]:
        """Evaluate at `moment`: requested partitions by asset or "asset:check", sorted; None stands for "no partitions".

        The first turn only takes its bearings: conditions that wait for a change have none to see.
        Raises RuntimeError with the daemon's message when the evaluation fails.
        """
        if moment < self.daemon.now:
            raise ValueError(f"turn at {moment}: the daemon is at {self.daemon.now} already, its clock only goes forward")
        instance, known = self.daemon.instance, {backfill.backfill_id for backfill in self.daemon.instance.get_backfills()}
        with frozen_at(moment.astimezone(UTC)):
            automation_turn(self.daemon.workspace)
            asked = sorted({backfill.backfill_id for backfill in instance.get_backfills()} - known)
            backfills = [finish_backfill(self.daemon.workspace, instance, one) for one in asked]
        ticks = self.daemon.turn(moment)
        errors = [f"{tick.name}: {tick.error}" for tick in ticks if tick.error]
        if errors:
            raise RuntimeError("; ".join(errors))
        new = [run for group in (*ticks, *backfills) for run in group.runs]
        self.runs += new
        return self._requested(new)

    def materialize(self, asset: str, partition: str | None = None, *, at: datetime | None = None) -> FinishedRun:
        """Materialize an asset by hand, or as another pipeline would, now or at a later moment, and evaluate nothing."""
        self.daemon.now = max(self.daemon.now, at or self.daemon.now)
        with frozen_at(self.daemon.now.astimezone(UTC)):
            return run_assets(self.definitions, self.daemon.instance, f'key:"{asset}"', partition=partition)

    def stopped_by(self, asset: str) -> str | None:
        """The first part of the asset's condition that was true of nothing at the last evaluation; None when none was.

        What comes after it was not looked at. An evaluation is stored only when it differs from the one before.
        """
        key = dg.AssetKey.from_user_string(asset)
        stored = self.daemon.instance.schedule_storage.get_auto_materialize_asset_evaluations(key, limit=1)
        if not stored:
            raise LookupError(f"{asset} was never evaluated: no condition, or its sensor is switched off")
        parts = stored[0].get_evaluation_with_run_ids().evaluation.child_evaluations
        return next((_label(part) for part in parts if part.true_subset.is_empty), None)

    def _requested(self, runs: list[FinishedRun]) -> dict[str, list[str | None]]:
        found: dict[str, list[str | None]] = {}
        for run in runs:
            stored = self.daemon.instance.get_run_by_id(run.run_id)
            keys = [*(stored.asset_selection or ()), *(stored.asset_check_selection or ())]
            for name in [key.to_user_string() for key in keys]:
                found.setdefault(name, []).append(partition_of(run.tags))
        return {name: sorted(partitions, key=str) for name, partitions in sorted(found.items())}


@contextmanager
def running_automation(
    source: Source,
    instance: dg.DagsterInstance,
    start: datetime,
    resources: Mapping[str, Any] | None = None,
    switch_on: bool = True,
) -> Iterator[Automation]:
    """Automation for a stored instance; sensors and schedules of `source` turn along.

    `switch_on=False` leaves the default sensor as a fresh deployment has it: STOPPED.
    """
    definitions = as_definitions(source, resources)
    with running_daemon(definitions, instance, start) as daemon:
        if switch_on:
            with suppress(KeyError):  # an AutomationConditionSensor of your own may take all assets
                daemon.switch_on(DEFAULT_SENSOR)
        yield Automation(definitions, daemon)


def _label(part: Any) -> str:
    snapshot = part.condition_snapshot
    if snapshot.label:
        return snapshot.label
    inner = [_label(child) for child in part.child_evaluations]
    if snapshot.operator_type == "not":
        return f"not {inner[0]}"
    return f"({f' {snapshot.name} '.join(inner).lower()})" if inner else snapshot.name or snapshot.description
