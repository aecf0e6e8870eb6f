"""What one DAG run left in the metadata database, as one value that a failing assertion prints whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from callback_record import CallbackCall
from private_names import xcom_backend

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel

Waits = dict[str, list[timedelta]]


@dataclass(frozen=True)
class EmittedEvent:
    """One asset event: which asset, its extra, and who made it."""

    asset: str
    extra: Mapping[str, Any]
    task_id: str | None
    partition_key: str | None = None


@dataclass(frozen=True)
class Observed:
    """What only the process that ran the tasks can know; empty when a run is read from the database alone.

    `errors`: the exception that ended the last try of a task, as "Type: message".
    `waits`: per task, what Airflow computed as the time to the next try or poke; none of it was slept.
    `log`: the lines that a task's log would hold, masked as the supervisor masks them.
    """

    errors: Mapping[str, str] = field(default_factory=dict)
    waits: Waits = field(default_factory=dict)
    callbacks: Sequence[CallbackCall] = ()
    log: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True)
class FinishedRun:
    """One DAG run.

    Keys of `task_states`, `tries`, `xcoms` and `mapped_names` are task ids; a mapped task instance is
    `task_id[index]`. `xcoms` holds decoded return values only. `mapped_names` are rendered `map_index_template`s.
    """

    run_id: str
    state: str
    task_states: dict[str, str | None]
    tries: dict[str, int]
    xcoms: dict[str, Any]
    mapped_names: dict[str, str] = field(default_factory=dict)
    asset_events: list[EmittedEvent] = field(default_factory=list)
    observed: Observed = field(default_factory=Observed)


def read_run(run: DagRun, observed: Observed | None = None) -> FinishedRun:
    """Read the states, decoded return values and asset events of `run` from the open metadata database."""
    from airflow import settings

    instances = run.get_task_instances(session=settings.Session())
    return FinishedRun(
        run_id=run.run_id,
        state=str(run.state),
        task_states={instance_name(ti): ti.state and str(ti.state) for ti in instances},
        tries={instance_name(ti): ti.try_number for ti in instances},
        xcoms=read_xcoms(run.dag_id, run.run_id),
        mapped_names={instance_name(ti): ti.rendered_map_index for ti in instances if ti.rendered_map_index},
        asset_events=_read_asset_events(run),
        observed=observed or Observed(),
    )


def read_xcoms(dag_id: str, run_id: str, key: str = "return_value") -> dict[str, Any]:
    """The decoded XComs of a run under `key`, by instance name."""
    from airflow import settings
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    rows = settings.Session().scalars(
        select(XComModel).where(XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == key)
    )
    # The tasks' decoder; XComModel.deserialize_value() gives a tuple as a dict, and the string "1" as the number 1.
    return {instance_name(row): xcom_backend().deserialize_value(row) for row in rows}


def instance_name(row: TaskInstance | XComModel) -> str:
    """`task_id`, or `task_id[index]` for an instance of a mapped task."""
    return row.task_id if row.map_index < 0 else f"{row.task_id}[{row.map_index}]"


def _read_asset_events(run: DagRun) -> list[EmittedEvent]:
    from airflow import settings
    from airflow.models.asset import AssetEvent, AssetModel
    from sqlalchemy import select

    made = (AssetEvent.source_dag_id == run.dag_id, AssetEvent.source_run_id == run.run_id)
    query = select(AssetModel.name, AssetEvent).join(AssetModel, AssetModel.id == AssetEvent.asset_id).where(*made)
    rows = settings.Session().execute(query.order_by(AssetEvent.id))
    return [EmittedEvent(name, event.extra, event.source_task_id, event.partition_key) for name, event in rows]
