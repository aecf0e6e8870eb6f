"""Backfills of assets, launched and driven to their end by the daemon's own backfill code, in this process.

Real: how partitions become runs (backfill policies), the order along mappings, what a failed partition holds back,
the backfill's final status; each run is executed before its launch returns. Simulated: the clock, if `moment` is given
(Dagster's, not `datetime.now()` of your code), the code server, the run's process.
Left out: backfills of jobs (`dagster job backfill`, which ignores backfill policies), cancelling, run retries, the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import dagster as dg
from code_location import Source, as_definitions, live_location
from finished_run import FinishedRun, innermost_error, read_run
from private_names import backfill_turn, frozen_at, in_process_workspace, new_asset_backfill
from run_assets import RANGE_END, RANGE_START

LOG = logging.getLogger("run_backfills")  # what the daemon would log, for pytest's caplog
OPEN = {"REQUESTED", "CANCELING", "FAILING"}
TURNS = 100  # far above what a backfill of a test takes; each turn goes on by one layer of runs
_numbers = count(1)


@dataclass(frozen=True)
class FinishedBackfill:
    """A backfill that has ended. `status`: "COMPLETED_SUCCESS", "COMPLETED_FAILED" (a run failed) or "FAILED" (it broke)."""

    backfill_id: str
    status: str
    runs: list[FinishedRun] = field(default_factory=list)
    error: str | None = None

    @property
    def partitions(self) -> list[str | None]:
        """What each run covers, sorted: a partition, or "first...last" of a run over a range."""
        return sorted((partition_of(run.tags) for run in self.runs), key=str)


def run_backfill(
    source: Source,
    instance: dg.DagsterInstance,
    selection: dg.CoercibleToAssetSelection,
    partitions: Sequence[str] | None = None,
    *,
    moment: datetime | None = None,
    resources: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    run_config: Mapping[str, Any] | None = None,
) -> FinishedBackfill:
    """Backfill the selected assets over `partitions`, or all, as "Materialize" in the UI does; needs a stored instance.

    Assets with another partitioning get the partitions that descend from those of the first asset.
    `moment`: the time of the launch, which decides what partitions there are; default: now.
    Raises ValueError for an unknown partition: Dagster itself drops it without a word when others are known.
    """
    if not instance.is_persistent:
        raise ValueError("an instance in memory stores no backfills: use the stored_instance fixture")
    definitions = as_definitions(source, resources)
    graph = definitions.resolve_asset_graph()
    keys = sorted(dg.AssetSelection.from_coercible(selection).resolve(graph))
    launched = moment or datetime.now(UTC)
    _refuse_unknown(graph, instance, keys, partitions or (), launched)
    with live_location(definitions) as module, in_process_workspace(instance, module) as workspace:
        with frozen_at(launched.astimezone(UTC)) if moment else nullcontext():
            backfill = new_asset_backfill(
                workspace.create_request_context().asset_graph,
                instance,
                backfill_id=f"backfill{next(_numbers)}",
                asset_selection=keys,
                partition_names=None if partitions is None else list(partitions),
                all_partitions=partitions is None,
                backfill_timestamp=launched.timestamp(),
                tags=dict(tags or {}),
                run_config=run_config,
            )
            instance.add_backfill(backfill)
            return finish_backfill(workspace, instance, backfill.backfill_id)


def finish_backfill(workspace: Any, instance: dg.DagsterInstance, backfill_id: str) -> FinishedBackfill:
    """Turn the backfill daemon until this backfill is closed; `workspace` as `in_process_workspace` makes it."""
    for _ in range(TURNS):
        found = instance.get_backfill(backfill_id)
        if found.status.value not in OPEN:
            runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill_id}))
            error = innermost_error(found.error) if found.error else None
            return FinishedBackfill(
                backfill_id, found.status.value, [read_run(instance, run.run_id) for run in runs[::-1]], error
            )
        backfill_turn(workspace, LOG)
    raise TimeoutError(f"backfill {backfill_id} is still {found.status.value} after {TURNS} turns of the daemon")


def partitions_to_do(source: Source, instance: dg.DagsterInstance, asset: str, moment: datetime | None = None) -> dict[str, str]:
    """Partitions of an asset, in their order, that are "missing" or whose latest run "failed", as the UI counts them.

    A partition that once was materialized and then failed is "failed", though its old value is still stored.
    """
    key = dg.AssetKey.from_user_string(asset)
    partitions = as_definitions(source).resolve_asset_graph().get(key).partitions_def
    if partitions is None:
        raise ValueError(f"{asset} has no partitions")
    keys = partitions.get_partition_keys(current_time=moment, dynamic_partitions_store=instance)
    with frozen_at(moment.astimezone(UTC)) if moment else nullcontext():
        found = instance.get_status_by_partition(key, keys, partitions) or {}
    names = {None: "missing", "FAILED": "failed"}
    states = {one: found[one].value if found.get(one) else None for one in keys}
    return {one: names[state] for one, state in states.items() if state in names}


def partition_of(tags: Mapping[str, str]) -> str | None:
    """The partition of a run by its tags; "first...last" for a run over a range, None for a run without partition."""
    ends = [tags.get(RANGE_START), tags.get(RANGE_END)]
    return "...".join(ends) if all(ends) else tags.get("dagster/partition")


def _refuse_unknown(
    graph: Any, instance: dg.DagsterInstance, keys: list[dg.AssetKey], wanted: Sequence[str], now: datetime
) -> None:
    definitions = [(key, graph.get(key).partitions_def) for key in keys if graph.get(key).is_partitioned]
    known = [(key, each.get_partition_keys(current_time=now, dynamic_partitions_store=instance)) for key, each in definitions]
    for partition in wanted:
        if not any(partition in each for _, each in known):
            there = "; ".join(
                f"{len(each)} of {key.to_user_string()}, {each[0]!r} to {each[-1]!r}" for key, each in known if each
            )
            raise ValueError(f"partition {partition!r}: not among the {there or 'partitions: there are none'}")
