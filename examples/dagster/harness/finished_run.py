"""What one run left in an instance, as one value that a failing assertion prints whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

RUN = "(run)"  # where the error of a run stands that failed outside its steps
STATES = {
    dg.DagsterEventType.STEP_SUCCESS: "success",
    dg.DagsterEventType.STEP_FAILURE: "failure",
    dg.DagsterEventType.STEP_SKIPPED: "skipped",
}


@dataclass(frozen=True)
class CheckOutcome:
    """One evaluation of an asset check. `severity` is "ERROR" or "WARN", also when it passed."""

    passed: bool
    severity: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FinishedRun:
    """One run. Keys of `steps`, `tries`, `waits`, `errors`: step keys (asset `raw/orders` is step `raw__orders`).

    `steps`: "success", "failure", "skipped" or "not started", for every step that the run planned.
    `errors`: the innermost cause as "Type: message"; under "(run)" what failed outside steps.
    `waits`: seconds to each retry, as Dagster computed them.
    `metadata`: plain values by asset, the last materialization of the run; `partitions`: its keys by asset.
    `checks`: by "asset:check". `log`: what `context.log` was given, as "LEVEL step: message"; no `print`.
    """

    run_id: str
    job: str
    status: str
    steps: dict[str, str]
    tries: dict[str, int] = field(default_factory=dict)
    waits: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    partitions: dict[str, list[str]] = field(default_factory=dict)
    checks: dict[str, CheckOutcome] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)


def read_run(instance: dg.DagsterInstance, run_id: str) -> FinishedRun:
    """Everything about a run that the instance stores; raises KeyError for a run it does not know."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        raise KeyError(f"no run {run_id} in {instance.info_str()}")
    steps = dict.fromkeys(_planned_steps(instance, run), "not started")
    found = FinishedRun(run_id, run.job_name, run.status.value, steps, tags=dict(run.tags))
    for entry in instance.all_logs(run_id):
        if entry.dagster_event is None:
            level = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}[int(entry.level)]
            found.log.append(f"{level} {entry.step_key or RUN}: {entry.user_message}")
        else:
            _add_event(found, entry.dagster_event)
    return found


def changes_between(first: FinishedRun, second: FinishedRun) -> dict[str, tuple[Any, Any]]:
    """What two runs did differently: fact to (first, second); facts are "metadata.orders.rows" and the like.

    Left out: run ids, tags, log lines, waits. An idempotent pipeline gives {}.
    """
    before, after = _facts(first), _facts(second)
    names = [*before, *(name for name in after if name not in before)]
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _planned_steps(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    if run.execution_plan_snapshot_id is None:
        return []
    return list(instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute)


def _add_event(found: FinishedRun, event: dg.DagsterEvent) -> None:
    kind, step = event.event_type, event.step_key or RUN
    if kind in STATES:
        found.steps[step] = STATES[kind]
    if kind is dg.DagsterEventType.STEP_START or kind is dg.DagsterEventType.STEP_RESTARTED:
        found.tries[step] = found.tries.get(step, 0) + 1
    elif kind is dg.DagsterEventType.STEP_UP_FOR_RETRY:
        found.waits.setdefault(step, []).append(event.step_retry_data.seconds_to_wait or 0)
    elif kind is dg.DagsterEventType.STEP_FAILURE:
        found.errors[step] = innermost_error(event.step_failure_data.error)
    elif kind is dg.DagsterEventType.RUN_FAILURE:
        if event.job_failure_data.error and not found.errors:
            found.errors[RUN] = innermost_error(event.job_failure_data.error)
    elif event.is_step_materialization:
        _add_materialization(found, event.materialization)
    elif kind is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        outcome = CheckOutcome(check.passed, check.severity.value, _plain(check.metadata))
        found.checks[f"{check.asset_key.to_user_string()}:{check.check_name}"] = outcome


def _add_materialization(found: FinishedRun, materialization: dg.AssetMaterialization) -> None:
    asset = materialization.asset_key.to_user_string()
    found.metadata[asset] = _plain(materialization.metadata)
    if materialization.partition is not None:
        found.partitions.setdefault(asset, []).append(materialization.partition)


def _plain(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, Any]:
    return {name: value.value for name, value in metadata.items()}


def innermost_error(error: Any) -> str:
    """The first cause, as "Type: message", of an error that Dagster has serialized."""
    while error.cause is not None:
        error = error.cause
    return error.message.strip()


def _facts(run: FinishedRun) -> dict[str, Any]:
    facts: dict[str, Any] = {"status": run.status}
    for group in ("steps", "tries", "errors", "metadata", "partitions", "checks"):
        for name, value in getattr(run, group).items():
            nested = value.items() if group == "metadata" else [("", value)]
            facts |= {f"{group}.{name}.{key}".rstrip("."): fact for key, fact in nested}
    return facts
