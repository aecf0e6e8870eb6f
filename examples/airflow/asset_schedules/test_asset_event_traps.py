"""What a task cannot read of an asset's past, and where alone it stands that an event started nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow import settings
from airflow.models.dag import DagModel
from airflow.models.log import Log
from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, StartOfMonthMapper, task
from asset_events import AssetChange, emit, run_on_events
from run_dag import run_dag
from scheduler_steps import create_due_runs, register_dag_file, run_queued
from sqlalchemy import select, update

pytestmark = pytest.mark.usefixtures("metadata_database")
TRAPS = Path(__file__)
ORDERS, PRICES, DAYS = (Asset(f"asset_schedules_traps_{name}") for name in ("orders", "prices", "days"))
READER = "asset_schedules_traps_reader"

with DAG("asset_schedules_traps_consumer", schedule=[ORDERS]):
    task(task_id="consume")(lambda: 1)()

with DAG("asset_schedules_traps_numbers", schedule=[PRICES]):
    task(task_id="numbers")(lambda triggering_asset_events=None: [e.extra["n"] for e in triggering_asset_events[PRICES]])()

with DAG(READER):
    task(task_id="count", inlets=[ORDERS])(lambda inlet_events=None: len(list(inlet_events[ORDERS])))()

with DAG(
    "asset_schedules_traps_unreadable",
    schedule=PartitionedAssetTimetable(assets=DAYS, default_partition_mapper=StartOfMonthMapper()),
):
    task(task_id="never")(lambda: 1)()

with DAG("asset_schedules_traps_producer"):
    task(task_id="load", outlets=[ORDERS])(lambda: 1)()


def test_trap_past_events_cannot_be_read_while_a_run_they_started_is_queued() -> None:
    """The same task is green before the scheduler's turn and after the other DAG's run."""
    register_dag_file(TRAPS)
    run_dag(TRAPS, dag_id="asset_schedules_traps_producer")
    before = run_dag(TRAPS, dag_id=READER)
    create_due_runs()
    queued = run_dag(TRAPS, dag_id=READER)
    run_queued(TRAPS, "asset_schedules_traps_consumer")
    after = run_dag(TRAPS, dag_id=READER)
    assert (before.xcoms, after.xcoms) == ({"count": 1}, {"count": 1})
    assert queued.observed.errors == {"count": "ServerResponseError: Server returned error"}


def pause(dag_id: str, paused: bool) -> None:
    """The switch in the list of DAGs."""
    settings.Session().execute(update(DagModel).where(DagModel.dag_id == dag_id).values(is_paused=paused))
    settings.Session().commit()


def test_trap_an_event_for_a_paused_dag_starts_nothing_when_it_is_unpaused() -> None:
    """It is not queued; the run that the next event starts finds it."""
    register_dag_file(TRAPS)
    follower = "asset_schedules_traps_numbers"
    pause(follower, True)
    emit(AssetChange(PRICES.name, {"n": 1}))
    pause(follower, False)
    create_due_runs()
    assert run_queued(TRAPS, follower) == {}
    emit(AssetChange(PRICES.name, {"n": 2}))
    create_due_runs()
    ((run, _),) = run_queued(TRAPS, follower).values()
    assert sorted(run.xcoms["numbers"]) == [1, 2]


def test_trap_the_audit_log_alone_tells_of_a_key_that_no_mapper_reads() -> None:
    """The event is registered and no run is made of it."""
    unreadable = AssetChange(DAYS.name, partition_key="2026-03-02")
    assert run_on_events(TRAPS, [unreadable], dag_id="asset_schedules_traps_unreadable") == []
    (told,) = settings.Session().scalars(select(Log).where(Log.event == "failed to map partition_key"))
    assert "Could not map partition_key '2026-03-02'" in told.extra
