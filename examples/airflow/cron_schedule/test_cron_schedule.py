"""Each tick totals exactly the local day before it, and changing clocks neither skip nor double a day."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb
import pendulum
import pytest
from run_dag import load_dag, run_dag
from scheduler_steps import create_due_runs, register_dag_file, run_queued

BERLIN = "Europe/Berlin"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an empty shop database that the DAG writes to."""
    path = tmp_path / "shop.duckdb"
    monkeypatch.setenv("SHOP_DATABASE", str(path))
    return path


def read_totals(shop: Path) -> list[tuple[str, int]]:
    """All stored days with their totals."""
    with duckdb.connect(str(shop), read_only=True) as connection:
        return connection.execute("SELECT day::TEXT, cents FROM daily_totals ORDER BY day").fetchall()


@pytest.mark.usefixtures("metadata_database")
def test_scheduled_runs_total_the_days_around_the_clock_change(dag_file: Path, shop: Path) -> None:
    """The scheduler's own first three runs, 29 March 2026 (23 hours) among them, store one day each."""
    register_dag_file(dag_file)
    states = []
    for _ in range(3):
        create_due_runs()
        states += [run.state for run, _ in run_queued(dag_file).values()]
    assert states == ["success"] * 3
    assert read_totals(shop) == [("2026-03-28", 230), ("2026-03-29", 4500), ("2026-03-30", 60)]


def test_a_year_of_ticks_is_a_year_of_days(dag_file: Path) -> None:
    """365 ticks at local midnight end 365 consecutive days; one has 23 hours and one 25."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(load_dag(dag_file)))
    ticks = []
    while len(ticks) < 365:
        ticks.append(dag.next_dagrun_info(last_automated_run_info=ticks[-1] if ticks else None))
    days = [tick.data_interval.start.in_timezone(BERLIN).date() for tick in ticks]
    assert (days[0], days[-1]) == (date(2026, 3, 28), date(2027, 3, 27))
    assert {(later - earlier).days for earlier, later in pairwise(days)} == {1}
    assert {tick.run_after.in_timezone(BERLIN).time() for tick in ticks} == {pendulum.Time(0)}
    hours = {
        day: (tick.data_interval.end - tick.data_interval.start).total_hours() for day, tick in zip(days, ticks, strict=True)
    }
    assert {day: length for day, length in hours.items() if length != 24} == {
        date(2026, 3, 29): 23,
        date(2026, 10, 25): 25,
    }


@pytest.mark.usefixtures("metadata_database", "shop")
@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (pendulum.datetime(2026, 3, 30, tz=BERLIN), "2026-03-29"),
        (pendulum.datetime(2026, 3, 29, 23, 59, tz=BERLIN), "2026-03-28"),
    ],
)
def test_a_run_by_hand_totals_the_last_whole_day(dag_file: Path, moment: pendulum.DateTime, day: str) -> None:
    """A given date is the moment of the run: its last whole day in Berlin is totalled."""
    assert run_dag(dag_file, moment).xcoms["total"]["day"] == day


def test_a_run_without_a_logical_date_totals_the_last_whole_day(dag_file: Path) -> None:
    """There is no interval then; the moment of the run decides, in local time."""
    code = load_dag(dag_file).get_task("total").python_callable.__globals__["day_to_total"]
    assert code(None, pendulum.datetime(2026, 10, 25, 23, 30)) == date(2026, 10, 25)
