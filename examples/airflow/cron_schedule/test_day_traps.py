"""Green runs that total another day than the one that is meant."""

from __future__ import annotations

from pathlib import Path

import pendulum
import pytest
from airflow.sdk import DAG, CronDataIntervalTimetable, task
from dag_files import dag_file_as_bundle
from finished_run import read_run
from run_dag import load_dag
from scheduler_steps import create_due_runs, register_dag_file, run_queued

TRAPS = Path(__file__)
BERLIN = "Europe/Berlin"

for city, zone in {"berlin": BERLIN, "new_york": "America/New_York"}.items():
    with DAG(
        f"cron_schedule_{city}",
        schedule=CronDataIntervalTimetable("0 0 * * *", timezone=zone),
        start_date=pendulum.datetime(2026, 3, 28, tz=zone),
        catchup=True,
    ):

        @task
        def day(zone: str, ds=None, data_interval_start=None) -> list[str]:
            return [ds, str(pendulum.instance(data_interval_start).in_timezone(zone).date())]

        day(zone)


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(("city", "ds"), [("berlin", "2026-03-27"), ("new_york", "2026-03-28")])
def test_trap_ds_is_the_utc_date_of_a_local_midnight(city: str, ds: str) -> None:
    """East of Greenwich it is the day before, west of it happens to be right; the interval's start in the zone always is."""
    register_dag_file(TRAPS)
    create_due_runs()
    ((run, _),) = run_queued(TRAPS, f"cron_schedule_{city}").values()
    assert (run.state, run.xcoms["day"]) == ("success", [ds, "2026-03-28"])


@pytest.mark.usefixtures("metadata_database")
def test_trap_dag_test_takes_a_logical_date_for_the_moment_of_a_run() -> None:
    """Given the logical date of a scheduled run, its interval's start, it does the day before; given the end, that day."""
    start = pendulum.datetime(2026, 3, 28, tz=BERLIN)
    with dag_file_as_bundle(TRAPS):
        runs = [read_run(load_dag(TRAPS, "cron_schedule_berlin").test(logical_date=start.add(days=n))) for n in (0, 1)]
    assert [run.xcoms["day"][1] for run in runs] == ["2026-03-27", "2026-03-28"]


@pytest.mark.parametrize(
    ("day", "end_by_hours"),
    [(pendulum.datetime(2026, 3, 29, tz=BERLIN), "30. 01:00"), (pendulum.datetime(2026, 10, 25, tz=BERLIN), "25. 23:00")],
)
def test_trap_a_day_has_not_always_24_hours(day: pendulum.DateTime, end_by_hours: str) -> None:
    """24 hours reach into the next day or stop before its end; one day ends at midnight."""
    assert f"{day.add(hours=24):%d. %H:%M}" == end_by_hours
    assert f"{day.add(days=1):%H:%M}" == "00:00"
