"""A consumer sees who made its events and with what; events that start nothing are an empty list, not a green run."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, StartOfDayMapper, task
from asset_events import AssetChange, Producer, emit, run_on_events
from run_dag import run_dag
from scheduler_steps import register_dag_file

ORDERS, PRICES, HOURLY = Asset("orders"), Asset("prices"), Asset("hourly_orders")

with DAG("makes_orders") as makes_orders:

    @task(outlets=[ORDERS])
    def make() -> list[int]:
        return [7, 8]

    make()

with DAG("joins", schedule=[ORDERS, PRICES]) as joins:

    @task
    def list_events(triggering_asset_events=None) -> list:
        found = [event for asset in (ORDERS, PRICES) for event in triggering_asset_events[asset]]
        return [[event.asset.name, event.source_dag_id, event.source_task_id, event.extra] for event in found]

    list_events()

with DAG("pulls", schedule=[ORDERS]) as pulls:

    @task
    def pull(triggering_asset_events=None) -> list:
        return triggering_asset_events[ORDERS][0].source_task_instance.xcom_pull()

    pull()

by_day = PartitionedAssetTimetable(assets=HOURLY, default_partition_mapper=StartOfDayMapper())
with DAG("totals_days", schedule=by_day) as totals_days:

    @task
    def day(partition_key=None) -> str:
        return partition_key

    day()


@pytest.mark.usefixtures("metadata_database")
def test_a_run_consumes_events_of_named_producers(dag_file: Path) -> None:
    """Both assets changed: one run, which knows the producers and the extras."""
    orders = AssetChange("orders", {"rows": 2}, Producer("makes_orders", "make"))
    (run,) = run_on_events(dag_file, [orders, AssetChange("prices")], dag_id="joins")
    assert run.xcoms["list_events"] == [["orders", "makes_orders", "make", {"rows": 2}], ["prices", None, None, {}]]


@pytest.mark.usefixtures("metadata_database")
def test_one_event_of_two_starts_nothing(dag_file: Path) -> None:
    """A list of assets means all of them; the missing one starts the run later."""
    assert run_on_events(dag_file, [AssetChange("orders")], dag_id="joins") == []
    assert len(run_on_events(dag_file, [AssetChange("prices")], dag_id="joins")) == 1


@pytest.mark.usefixtures("metadata_database")
def test_a_consumer_pulls_from_a_producer_that_ran(dag_file: Path) -> None:
    """A run of the producer emits by itself; a made-up producer has no XCom to pull."""
    register_dag_file(dag_file)
    run_dag(dag_file, dag_id="makes_orders")
    (run,) = run_on_events(dag_file, [], dag_id="pulls")
    assert run.xcoms == {"pull": [7, 8]}
    (made_up,) = run_on_events(dag_file, [AssetChange("orders", {}, Producer("makes_orders", "make"))], dag_id="pulls")
    assert made_up.xcoms == {}


@pytest.mark.usefixtures("metadata_database")
def test_partitioned_events_start_a_run_per_key(dag_file: Path) -> None:
    """Two hours of one day are one run; an event without a key, or with one of another format, starts none."""
    keys = ["2026-03-04T01:00:00", "2026-03-04T02:00:00", "2026-03-05T01:00:00"]
    runs = run_on_events(dag_file, [AssetChange("hourly_orders", partition_key=key) for key in keys], dag_id="totals_days")
    assert sorted(run.xcoms["day"] for run in runs) == ["2026-03-04", "2026-03-05"]
    wrong = [AssetChange("hourly_orders"), AssetChange("hourly_orders", partition_key="04.03.2026")]
    assert run_on_events(dag_file, wrong, dag_id="totals_days") == []


@pytest.mark.usefixtures("metadata_database")
def test_an_asset_that_no_dag_names_is_an_error(dag_file: Path) -> None:
    """Airflow logs a warning and goes on; a typo in a test would otherwise prove nothing."""
    register_dag_file(dag_file)
    with pytest.raises(LookupError, match=r"no registered DAG has an asset named 'order'; known: \['hourly_orders', "):
        emit(AssetChange("order"))
