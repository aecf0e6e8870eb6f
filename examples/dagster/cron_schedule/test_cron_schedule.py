"""A tick asks for the day before it in Berlin, and a change of the clocks neither skips nor doubles one."""

from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest
from run_assets import run_job
from schedule_ticks import evaluate_schedule, ticks_between

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # clocks go forward, clocks go back


def ticks(example: ModuleType, first: date, last: date) -> list[datetime]:
    """The moments, from noon of `first` to noon of `last`, at which the daemon evaluates the schedule."""
    start, end = (datetime(day.year, day.month, day.day, 12, tzinfo=BERLIN) for day in (first, last))
    return ticks_between(example.defs, "revenue_job_schedule", start, end)


def requested_days(example: ModuleType, moment: datetime) -> list[str]:
    """The partitions that the schedule asks for at `moment`."""
    return evaluate_schedule(example.defs, "revenue_job_schedule", moment).partitions


def run_ticks(example: ModuleType, moments: list[datetime], instance: dg.DagsterInstance) -> list[tuple[str, int, int]]:
    """Execute the job for every partition that the ticks ask for; the rows of the table afterwards."""
    for day in [day for moment in moments for day in requested_days(example, moment)]:
        run_job(example.defs, "revenue_job", instance, partition=day)
    with duckdb.connect("shop_data.duckdb") as database:
        return database.sql("SELECT day::VARCHAR, orders, cents FROM daily_revenue ORDER BY day").fetchall()


def test_a_tick_stands_for_the_day_before(example: ModuleType) -> None:
    """At 02:30 in Berlin of March 4 the run is for March 3."""
    assert requested_days(example, datetime(2026, 3, 4, 2, 30, tzinfo=BERLIN)) == ["2026-03-03"]


def test_a_tick_processes_the_orders_of_that_day_only(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Of two orders around midnight in Berlin, one minute apart, the earlier one belongs to the day."""
    assert run_ticks(example, [datetime(2026, 3, 4, 2, 30, tzinfo=BERLIN)], instance) == [("2026-03-03", 1, 450)]


@pytest.mark.parametrize("change", [SPRING, AUTUMN])
def test_every_day_around_a_change_is_requested_once(example: ModuleType, change: date) -> None:
    """02:30 is missing in spring and comes twice in autumn; the days requested stay consecutive."""
    moments = ticks(example, change - timedelta(days=3), change + timedelta(days=3))
    days = [day for moment in moments for day in requested_days(example, moment)]
    assert days == [(change + timedelta(days=offset)).isoformat() for offset in range(-3, 3)]


def test_local_time_of_the_tick_on_the_day_of_a_change(example: ModuleType) -> None:
    """The missing 02:30 becomes 03:00 in spring; of the two in autumn the later one fires."""
    on_days = [ticks(example, day - timedelta(days=1), day) for day in (SPRING, AUTUMN)]
    utc = [[moment.astimezone(UTC).isoformat() for moment in moments] for moments in on_days]
    assert utc == [["2026-03-29T01:00:00+00:00"], ["2026-10-25T01:30:00+00:00"]]


def test_days_of_23_and_25_hours_hold_all_their_orders_once(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Orders in the first and the last second of a long or short day are counted there and nowhere else."""
    spans = [(day - timedelta(days=2), day + timedelta(days=2)) for day in (SPRING, AUTUMN)]
    moments = [moment for span in spans for moment in ticks(example, *span)]
    assert run_ticks(example, moments, instance) == [
        ("2026-03-27", 0, 0),
        ("2026-03-28", 1, 450),
        ("2026-03-29", 2, 3700),
        ("2026-03-30", 1, 450),
        ("2026-10-23", 0, 0),
        ("2026-10-24", 0, 0),
        ("2026-10-25", 2, 3250),
        ("2026-10-26", 1, 900),
    ]
