"""Each wait ends with the data, gives its worker back meanwhile, and its trigger survives the way through the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow.triggers.base import TriggerEvent
from asset_events import AssetChange, run_on_events
from deferral import collect_events, run_trigger, send_event, time_out
from live_airflow import LiveAirflow
from run_dag import load_dag, run_dag
from scheduler_steps import create_due_runs, register_dag_file, run_queued
from task_loop import RunOptions

WAIT = "sensors_and_triggers_wait"


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is not there yet."""
    monkeypatch.setenv("SHOP_ORDERS", str(tmp_path / "orders.csv"))
    return tmp_path / "orders.csv"


@pytest.mark.usefixtures("metadata_database")
def test_the_task_resumes_with_what_its_trigger_found(dag_file: Path, orders: Path) -> None:
    """The trigger is made from its database row: `minimum` went through `serialize`, or one order would do."""
    orders.write_text("1,1250\n")

    def land_and_run(instance: Any) -> None:
        asyncio.run(asyncio.wait_for(no_event_yet(instance), 30))
        orders.write_text("1,1250\n2,499\n")
        run_trigger(instance)

    async def no_event_yet(instance: Any) -> None:
        from airflow import settings
        from airflow.models.trigger import Trigger
        from deferral import load_trigger

        trigger = load_trigger(settings.Session().get(Trigger, instance.trigger_id))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(trigger.run()), 0.3)

    run = run_dag(dag_file, dag_id=WAIT, options=RunOptions(on_deferral=land_and_run))
    assert (run.state, run.xcoms["report"]) == ("success", [1, 2])


@pytest.mark.usefixtures("metadata_database")
def test_a_wait_that_ends_without_its_orders_fails(dag_file: Path, orders: Path) -> None:
    """An event that is too small, and no event before `defer(timeout=)`."""
    orders.write_text("1,1250\n")
    small = run_dag(dag_file, dag_id=WAIT, options=RunOptions(on_deferral=send_event({"orders": 1})))
    assert small.observed.errors["wait"] == "ValueError: the trigger fired with 1 orders, wanted 2"
    late = run_dag(dag_file, dag_id=WAIT, options=RunOptions(on_deferral=time_out))
    assert late.observed.errors["wait"].startswith("TaskDeferralTimeout")


@pytest.mark.usefixtures("metadata_database", "orders")
def test_a_sensor_that_timed_out_is_not_retried(dag_file: Path) -> None:
    """12 pokes five minutes apart, then AirflowSensorTimeout on the first try, though one retry was left."""
    run = run_dag(dag_file, dag_id=WAIT, options=RunOptions(on_deferral=time_out))
    assert run.observed.errors["landed"].startswith("AirflowSensorTimeout")
    assert [round(wait / timedelta(minutes=5)) for wait in run.observed.waits["landed"]] == [1] * 12
    assert (run.tries["landed"], run.tries["wait"]) == (1, 2)


def triggers_beside(dag_file: Path) -> ModuleType:
    """The module of triggers; the DAG file puts its folder on the path."""
    load_dag(dag_file, WAIT)
    return import_module("landing_triggers")


def blocking(trigger: Any) -> Any:
    """The same trigger with its pauses and reads on the event loop: it loads, runs and fires, alone."""

    async def run(polls: int = 20) -> AsyncIterator[TriggerEvent]:
        for _ in range(polls):
            if Path(trigger.path).exists():
                yield TriggerEvent("landed")
                return
            time.sleep(0.01)
        yield TriggerEvent("nothing landed")

    trigger.run = run
    return trigger


@pytest.mark.parametrize(("spoil", "payload"), [(lambda trigger: trigger, {"orders": 1}), (blocking, "nothing landed")])
def test_silent_a_blocking_trigger_keeps_every_other_one_from_running(
    dag_file: Path, orders: Path, spoil: Any, payload: object
) -> None:
    """The other trigger on the loop lands the file: the blocking one never lets it."""
    trigger = spoil(triggers_beside(dag_file).OrdersLanded(str(orders), 1, poll_seconds=0.01))

    async def land() -> None:
        orders.write_text("1,1250\n")

    async def both() -> object:
        event, _ = await asyncio.gather(anext(trigger.run()), land())
        return event.payload

    assert asyncio.run(asyncio.wait_for(both(), 30)) == payload


@pytest.mark.usefixtures("metadata_database")
def test_a_watcher_fires_once_a_growth_and_its_payload_reaches_the_run(dag_file: Path, orders: Path) -> None:
    """Real: the trigger's events, and the run of an event with such an extra. Simulated: the triggerer between them."""
    orders.write_text("1,1250\n")
    trigger = triggers_beside(dag_file).OrderFileGrew(str(orders), poll_seconds=0.0)
    (event,) = collect_events(trigger, limit=1)
    change = AssetChange("sensors_and_triggers_orders", {"from_trigger": True, "payload": event.payload})
    (run,) = run_on_events(dag_file, [change], dag_id="sensors_and_triggers_on_growth")
    assert run.xcoms == {"load": 1, "told": [{"orders": 1}]}


def watch(dag_file: Path) -> int:
    """The id of the watcher's trigger; registered twice, for a DAG that is paused, as every new one is, gets none."""
    from airflow import settings
    from airflow.models.trigger import Trigger
    from sqlalchemy import select

    for _ in range(2):
        register_dag_file(dag_file)
    return settings.Session().scalars(select(Trigger.id)).one()


def grow(trigger_id: int, orders: Path, *counts: int) -> None:
    """Let the watcher's trigger, made from its row, see the file once at each size; each event goes the triggerer's way."""
    from airflow import settings
    from airflow.models.trigger import Trigger
    from deferral import load_trigger

    trigger = load_trigger(settings.Session().get(Trigger, trigger_id))
    for count in counts:
        orders.write_text("1,1250\n" * count)
        (event,) = collect_events(trigger, limit=1)
        Trigger.submit_event(trigger_id, event)


def turn(dag_file: Path) -> list[dict[str, Any]]:
    """One turn of the scheduler; the XComs of the runs it started."""
    create_due_runs()
    return [run.xcoms for run, _ in run_queued(dag_file, "sensors_and_triggers_on_growth").values()]


@pytest.mark.usefixtures("metadata_database")
def test_silent_a_run_is_handed_the_first_event_of_its_watcher_and_the_rest_waits(dag_file: Path, orders: Path) -> None:
    """Three growths before the scheduler's turn: one run, told of one order where there are three; a fourth tells of all."""
    trigger_id = watch(dag_file)
    grow(trigger_id, orders, 1, 2, 3)
    assert turn(dag_file) == [{"load": 3, "told": [{"orders": 1}]}]
    assert turn(dag_file) == []
    grow(trigger_id, orders, 4)
    (late,) = turn(dag_file)
    assert (late["load"], sorted(payload["orders"] for payload in late["told"])) == (4, [2, 3, 4])


WATCHED = """
from airflow.providers.standard.triggers.file import FileDeleteTrigger
from airflow.sdk import DAG, Asset, AssetWatcher, task

trigger = FileDeleteTrigger(filepath="{path}", poke_interval=0.5)
inbox = Asset("sensors_and_triggers_inbox", watchers=[AssetWatcher(name="sensors_and_triggers_inbox", trigger=trigger)])
with DAG("sensors_and_triggers_live", schedule=[inbox]):
    task(task_id="seen")(lambda triggering_asset_events=None: [e.extra for e in triggering_asset_events[inbox]])()
"""


@pytest.mark.slow
def test_a_live_triggerer_turns_a_file_into_a_run(live_airflow: LiveAirflow, tmp_path: Path) -> None:
    """Nobody triggers anything: the watcher takes the file away and a run starts, once the DAG is not paused."""
    live_airflow.add_dag_file("watched.py", WATCHED.format(path=tmp_path / "inbox.csv"), "sensors_and_triggers_live")
    (tmp_path / "inbox.csv").touch()
    run, state = live_airflow.wait_for_run("sensors_and_triggers_live")
    assert (state, (tmp_path / "inbox.csv").exists()) == ("success", False)
    (extra,) = live_airflow.xcom("sensors_and_triggers_live", run, "seen")
    assert extra["from_trigger"] is True


@pytest.mark.slow
def test_a_live_scheduler_that_comes_late_hands_its_run_one_file_of_three(live_airflow: LiveAirflow, tmp_path: Path) -> None:
    """The triggerer makes an event of each file while no scheduler looks; two of them start nothing and are in no run."""
    dag_id, file = "sensors_and_triggers_late", tmp_path / "late.csv"
    source = WATCHED.format(path=file).replace("sensors_and_triggers_inbox", f"{dag_id}_inbox")
    live_airflow.add_dag_file("late_scheduler.py", source.replace("sensors_and_triggers_live", dag_id), dag_id)
    (asset,) = live_airflow.call("GET", "assets", name_pattern=f"{dag_id}_inbox")["assets"]

    def events() -> int:
        return live_airflow.call("GET", "assets/events", asset_id=asset["id"])["total_entries"]

    with live_airflow.without("scheduler"):
        for number in (1, 2, 3):
            file.touch()
            live_airflow.wait(lambda number=number: events() == number, lambda: live_airflow.log_end("triggerer"))
    run, state = live_airflow.wait_for_run(dag_id)
    assert (state, len(live_airflow.xcom(dag_id, run, "seen")), list(live_airflow.runs(dag_id))) == ("success", 1, [run])
