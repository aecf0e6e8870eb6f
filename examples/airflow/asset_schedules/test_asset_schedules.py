"""However many events a run consumes and whatever started it, the totals equal the orders afterwards."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from asset_events import AssetChange, run_on_events
from run_dag import FinishedRun, run_dag
from scheduler_steps import create_due_runs, register_dag_file, run_queued

pytestmark = pytest.mark.usefixtures("metadata_database")
FORMS = Path(__file__).with_name("schedule_forms.py")
PREFIX = "asset_schedules_forms_"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the shop database that the DAGs of `dag.py` write to."""
    path = tmp_path / "shop.duckdb"
    monkeypatch.setenv("SHOP_DATABASE", str(path))
    return path


def load(dag_file: Path, *days: str) -> None:
    """One run of the producer."""
    assert run_dag(dag_file, dag_id="asset_schedules_load", conf={"days": list(days)}).state == "success"


def turn(dag_file: Path, dag_id: str) -> list[FinishedRun]:
    """One turn of the scheduler, then all queued runs of a DAG."""
    create_due_runs()
    return [run for run, _ in run_queued(dag_file, dag_id).values()]


def forms(dag: str, *changes: tuple[str, int]) -> list[dict[str, object]]:
    """Emit numbered events and return the XComs of the runs that one turn starts."""
    emitted = [AssetChange(PREFIX + asset, {"n": number}) for asset, number in changes]
    return [run.xcoms for run in run_on_events(FORMS, emitted, dag_id=PREFIX + dag)]


def test_one_run_after_three_events_totals_all_of_them(dag_file: Path, shop: Path) -> None:
    """Airflow hands this run one event of three; the totals are whole all the same."""
    register_dag_file(dag_file)
    for day in ("2026-03-02", "2026-03-03", "2026-04-01"):
        load(dag_file, day)
    (run,) = turn(dag_file, "asset_schedules_total")
    assert run.xcoms == {"total": ["2026-03-02", "2026-03-03", "2026-04-01"]}
    with duckdb.connect(str(shop), read_only=True) as connection:
        totals = connection.execute("SELECT day::TEXT, cents FROM day_totals ORDER BY day").fetchall()
    assert totals == [("2026-03-02", 1749), ("2026-03-03", 250), ("2026-04-01", 700)]


def test_a_month_gets_one_run_however_many_of_its_days_came(dag_file: Path, shop: Path) -> None:
    """Keys of days become keys of months, in any order; a day that comes later starts its month again."""
    register_dag_file(dag_file)
    load(dag_file, "2026-03-02", "2026-03-03", "2026-04-01")
    months = sorted(run.xcoms["month_total"] for run in turn(dag_file, "asset_schedules_month"))
    assert months == [["2026-03", 1999], ["2026-04", 700]]
    load(dag_file, "2026-03-03")
    assert [run.xcoms["month_total"] for run in turn(dag_file, "asset_schedules_month")] == [["2026-03", 1999]]


def test_silent_a_key_decides_whom_an_event_wakes() -> None:
    """With a key: partitioned DAGs only, and an ordinary one finds the event in its next run. Without: ordinary ones only."""
    register_dag_file(FORMS)
    assert run_on_events(FORMS, [AssetChange(PREFIX + "orders", {"n": 1}, partition_key="k")], dag_id=PREFIX + "either") == []
    (run,) = forms("either", ("orders", 2))
    assert sorted(run["numbers"][PREFIX + "orders"]) == [1, 2]
    assert forms("mute", ("orders", 3)) == []


def test_the_time_of_day_starts_a_run_without_events_and_leaves_them_for_the_run_by_assets() -> None:
    """The first has a date and no events, the second the event and no date."""
    register_dag_file(FORMS)
    runs = run_on_events(FORMS, [AssetChange(PREFIX + "orders", {"n": 1})], dag_id=PREFIX + "or_time")
    runs += turn(FORMS, PREFIX + "or_time")
    assert sorted((run.xcoms["seen"] for run in runs), key=str) == [["2026-03-02", {}], [None, {PREFIX + "orders": [1]}]]


def test_silent_a_mapper_that_cannot_read_the_key_starts_nothing() -> None:
    """The default input format wants a time of day in the key."""
    assert run_on_events(FORMS, [AssetChange(PREFIX + "orders", partition_key="2026-03-02")], dag_id=PREFIX + "mute") == []
    fits = AssetChange(PREFIX + "orders", partition_key="2026-03-02T00:00:00")
    assert [run.state for run in run_on_events(FORMS, [fits], dag_id=PREFIX + "mute")] == ["success"]


def test_a_run_by_assets_has_no_date_and_and_waits_for_both() -> None:
    """A name in the signature gets None, the context has no such key, `run_after` is always there."""
    assert forms("both", ("orders", 1)) == []
    (run,) = run_on_events(FORMS, [AssetChange(PREFIX + "prices", {"n": 2})], dag_id=PREFIX + "both")
    dates = ["ds", "ts", "logical_date", "data_interval_start", "data_interval_end", "prev_data_interval_start_success"]
    assert run.xcoms == {"dates": [None, None, None, dates, True]}
    assert run.observed.errors == {"raises": "KeyError: 'ds'"}


def test_silent_either_consumes_one_event_an_asset_and_the_rest_comes_late_and_unsorted() -> None:
    """Numbers 3, 4, 5 before a turn: 5 stays until 6 has come."""
    (first,) = forms("either", ("orders", 3), ("prices", 4), ("orders", 5))
    assert first == {"numbers": {PREFIX + "orders": [3], PREFIX + "prices": [4]}}
    assert forms("either") == []
    (second,) = forms("either", ("orders", 6))
    assert sorted(second["numbers"][PREFIX + "orders"]) == [5, 6]


def test_silent_an_alias_shows_each_event_twice() -> None:
    """Once under the asset that the producer named, once under the alias."""
    register_dag_file(FORMS)
    run_dag(FORMS, dag_id=PREFIX + "alias_producer")
    assert forms("alias") == [{"numbers": {PREFIX + "feed_bern": [1], PREFIX + "feeds": [1]}}]


def test_silent_the_value_of_an_asset_function_is_not_found_by_date() -> None:
    """`include_prior_dates` finds nothing for a run without a date; the event's own source does."""
    register_dag_file(FORMS)
    run_dag(FORMS, dag_id=PREFIX + "made")
    assert forms("reader") == [{PREFIX + "reader": [{"n": 7}, None, {"rows": 3}]}]
