"""Asset events of the test's own making: from named producers, with extras and partition keys, then the runs they start.

Real: Airflow's own registration of an event, the scheduler's code that turns events into runs (how many events
one run consumes is decided there), and what a task reads from `triggering_asset_events`.
Simulated: the producer did not run; give it a run with `run_dag()` where the consumer pulls its XCom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dag_files import load_dag, register_dag_file
from finished_run import FinishedRun
from scheduler_steps import create_due_runs, run_queued
from task_loop import RunOptions


@dataclass(frozen=True)
class Producer:
    """The task instance an event claims to come from."""

    dag_id: str
    task_id: str
    run_id: str = "manual__of_the_test"
    map_index: int = -1


@dataclass(frozen=True)
class AssetChange:
    """An asset event to make: `asset` is its name; without a producer it looks like one made by the REST API."""

    asset: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    producer: Producer | None = None
    partition_key: str | None = None


def emit(change: AssetChange) -> None:
    """Register one asset event; LookupError when no registered DAG knows the asset (Airflow would only warn)."""
    from airflow import settings
    from airflow.assets.manager import AssetManager
    from airflow.models.asset import AssetModel
    from sqlalchemy import select

    session = settings.Session()
    asset = session.scalar(select(AssetModel).where(AssetModel.name == change.asset))
    if asset is None:
        known = sorted(session.scalars(select(AssetModel.name)))
        raise LookupError(f"no registered DAG has an asset named {change.asset!r}; known: {known}")
    AssetManager().register_asset_change(
        task_instance=change.producer,
        asset=asset,
        extra=dict(change.extra),
        partition_key=change.partition_key,
        session=session,
    )
    session.commit()


def run_on_events(
    dag_file: Path,
    changes: Iterable[AssetChange],
    *,
    dag_id: str | None = None,
    options: RunOptions | None = None,
) -> list[FinishedRun]:
    """Emit all `changes`, let the scheduler create its runs in one turn, and run them; no run is an empty list.

    For a turn between two events call it twice.
    """
    register_dag_file(dag_file)
    for change in changes:
        emit(change)
    create_due_runs()
    return [run for run, _ in run_queued(dag_file, load_dag(dag_file, dag_id).dag_id, options=options).values()]
