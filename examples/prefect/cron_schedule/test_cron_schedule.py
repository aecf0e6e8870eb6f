"""Every tick stands for the local day before it, and a clock change neither skips nor doubles a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
from schedule_clock import cron_ticks, run_scheduled_at, scheduled_runs


def table() -> list[tuple[str, int, int]]:
    """The loaded days in order."""
    with duckdb.connect("shop_data.duckdb") as database:
        return database.execute("SELECT CAST(day AS VARCHAR), orders, total_cents FROM daily ORDER BY day").fetchall()


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (
            datetime(2026, 3, 8, tzinfo=UTC),
            [("2026-03-07", 1, 1800), ("2026-03-08", 2, 3250), ("2026-03-09", 1, 900)],
        ),
        (
            datetime(2026, 11, 1, tzinfo=UTC),
            [("2026-10-31", 0, 0), ("2026-11-01", 2, 4300), ("2026-11-02", 1, 1200)],
        ),
    ],
    ids=["23-hour day", "25-hour day"],
)
def test_clock_change_neither_skips_nor_doubles(
    example: ModuleType, start: datetime, expected: list[tuple[str, int, int]]
) -> None:
    """Ticks around a clock change load consecutive days, each with its orders between local midnights."""
    rows = [run_scheduled_at(example.daily_orders, tick) for tick in cron_ticks(example.NIGHTLY, start, 3)]
    assert [tuple(row.values()) for row in rows] == expected
    assert table() == expected


def test_tick_in_the_missing_hour_fires_after_it(example: ModuleType) -> None:
    """02:30 does not exist on 2026-03-08 in New York: the server fires at 03:30, on the same day."""
    [tick] = cron_ticks(example.NIGHTLY, datetime(2026, 3, 8, tzinfo=UTC), 1)
    assert tick.astimezone(example.SHOP_ZONE).isoformat() == "2026-03-08T03:30:00-04:00"


def test_day_is_the_local_one_when_utc_is_already_on_the_next(example: ModuleType) -> None:
    """A run started by hand at 22:30 in New York takes the day before the local date, not the UTC date."""
    assert example.day_before(datetime(2026, 3, 10, 2, 30, tzinfo=UTC)) == date(2026, 3, 8)


def test_backfilled_day_replaces_its_row(example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day given by hand wins over the schedule, and its second run replaces the row of the first."""
    example.daily_orders(date(2026, 3, 8))
    corrected = tmp_path / "corrected.csv"
    corrected.write_text("order_id,created_at,total_cents\n2,2026-03-08T05:30:00+00:00,500\n")
    monkeypatch.setattr(example, "ORDERS", corrected)
    example.daily_orders(date(2026, 3, 8))
    assert table() == [("2026-03-08", 1, 500)]


def test_server_schedules_one_run_for_each_coming_day(example: ModuleType) -> None:
    """The real scheduler makes the next three runs of the deployment, for three consecutive days."""
    runs = scheduled_runs(example.deployment().apply())
    days = [example.day_before(run.expected_start_time) for run in runs]
    assert days == [days[0] + timedelta(days=count) for count in range(3)]
