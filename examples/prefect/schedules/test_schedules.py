"""When schedules fire, with which parameters, and what becomes of the ticks that nobody worked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from finished_run import execute_and_read
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.schedules import Cron, Interval, RRule, Schedule
from prefect_server import PrefectServer
from private_names import server_dates
from pydantic import ValidationError
from schedule_clock import scheduled_runs

ZONE = ZoneInfo("Europe/Zurich")


@flow
def count(limit: int = 10) -> int:
    return limit


def ticks(schedule: Schedule, start: datetime, number: int) -> list[str]:
    """The server's moments of a schedule, in local time."""
    if schedule.cron:
        read = CronSchedule(cron=schedule.cron, timezone=schedule.timezone, day_or=schedule.day_or)
    elif schedule.rrule:
        read = RRuleSchedule(rrule=schedule.rrule, timezone=schedule.timezone)
    else:
        read = IntervalSchedule(interval=schedule.interval, anchor_date=schedule.anchor_date, timezone=schedule.timezone)
    return [f"{tick.astimezone(ZONE):%a %m-%d %H:%M}" for tick in server_dates(read, number, start)]


def runs_of(deployment_id: UUID) -> list[FlowRun]:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])))


def test_each_schedule_fires_when_it_should(example: ModuleType) -> None:
    """Workdays, the first Monday of a month, every 36 hours over the clock change, the last Friday."""
    workdays, first_monday, stock, last_friday = example.SCHEDULES
    start = datetime(2026, 3, 27, tzinfo=ZONE)
    assert ticks(workdays, start, 2) == ["Fri 03-27 06:30", "Mon 03-30 06:30"]
    assert ticks(first_monday, start, 2) == ["Mon 04-06 06:00", "Mon 05-04 06:00"]
    assert ticks(last_friday, start, 2) == ["Fri 03-27 06:00", "Fri 04-24 06:00"]
    assert ticks(stock, start, 3) == ["Fri 03-27 18:00", "Sun 03-29 06:00", "Mon 03-30 18:00"]


def test_a_day_of_month_and_a_weekday_are_or_unless_told() -> None:
    """Silent: `1-7 * 1` is each of the first seven days and every Monday. Right: `day_or=False`."""
    start = datetime(2026, 4, 1, tzinfo=ZONE)
    assert ticks(Cron("0 6 1-7 * 1", timezone=ZONE.key), start, 3) == ["Wed 04-01 06:00", "Thu 04-02 06:00", "Fri 04-03 06:00"]
    assert ticks(Cron("0 6 1-7 * 1", timezone=ZONE.key, day_or=False), start, 1) == ["Mon 04-06 06:00"]


def test_six_fields_end_with_seconds() -> None:
    """Silent: meant as 06:00, fires each second of 00:00 on the 6th. Right: five fields."""
    start = datetime(2026, 3, 1, tzinfo=ZONE)
    six = server_dates(CronSchedule(cron="0 0 6 * * *", timezone=ZONE.key), 2, start)
    assert [f"{tick.astimezone(ZONE):%d %H:%M:%S}" for tick in six] == ["06 00:00:00", "06 00:00:01"]


def test_without_a_zone_a_schedule_is_in_utc() -> None:
    """Silent: the machine's zone is not asked, and summer moves the run by an hour."""
    assert ticks(Cron("30 6 * * *"), datetime(2026, 3, 28, tzinfo=ZONE), 2) == ["Sat 03-28 07:30", "Sun 03-29 08:30"]


def test_hourly_intervals_fire_in_both_hours_of_autumn_and_cron_in_one() -> None:
    """On 2026-10-25 02:00 to 03:00 comes twice: an interval fires in both, an hourly cron in a zone does not."""
    start = datetime(2026, 10, 25, 1, tzinfo=ZONE)
    hourly = Interval(timedelta(hours=1), anchor_date=datetime(2026, 3, 2, tzinfo=UTC), timezone="UTC")
    hours = [tick[-5:] for tick in ticks(hourly, start, 4)]
    assert hours == ["01:00", "02:00", "02:00", "03:00"]
    assert [tick[-5:] for tick in ticks(Cron("0 * * * *", timezone=ZONE.key), start, 3)] == ["01:00", "02:00", "03:00"]


@pytest.mark.parametrize(
    "make",
    [lambda: Cron("0 6 * * *", timezone="Europe/Zurch"), lambda: RRule("FREQ=DAILY", timezone="Europe/Zurch"),
     lambda: Interval(60, timezone="Europe/Zurch")],
)  # fmt: skip
def test_a_bad_time_zone_is_refused_only_by_the_deployment(make: Callable[[], Schedule]) -> None:
    """The schedule object itself takes any text."""
    schedule = make()
    with pytest.raises(ValidationError, match="Invalid timezone"):
        count.to_deployment("zone", schedule=schedule)


def test_each_schedule_brings_its_own_parameters(clean_server: PrefectServer, example: ModuleType) -> None:
    """The scheduler's runs carry the schedule's parameters."""
    runs = scheduled_runs(example.deployment().apply())
    shops = {run.parameters.get("shop"): run.expected_start_time.astimezone(ZONE) for run in runs}
    assert {"bern", "basel"} <= set(shops) <= {"bern", "basel", "all", None}
    assert f"{shops['bern']:%H:%M}" == "06:30"


def test_wrong_parameters_of_a_schedule_fail_at_every_tick(clean_server: PrefectServer) -> None:
    """Silent at deploy, unlike the deployment's own parameters: the runs are made, and each Fails before its first line."""
    run, *_ = scheduled_runs(count.to_deployment("typed", schedule=Cron("0 6 * * *", parameters={"limit": "many"})).apply())
    assert execute_and_read(count, run).state.name == "Failed"


def test_nobody_catches_up_and_ask_for_does_once(clean_server: PrefectServer, example: ModuleType) -> None:
    """An hourly schedule that began days ago makes coming runs only; missed days are asked for, twice is once."""
    began = datetime.now(UTC) - timedelta(days=3)
    hourly = count.to_deployment("hourly", schedule=Interval(3600, anchor_date=began)).apply()
    assert [run for run in scheduled_runs(hourly) if run.expected_start_time < datetime.now(UTC)] == []
    deployment_id = example.report.to_deployment("backfilled").apply()
    first, second = (example.ask_for(deployment_id, date(2026, 3, 2), 3) for _ in range(2))
    assert (first, len(runs_of(deployment_id))) == (second, 3)
    results = [execute_and_read(example.report, run).result for run in runs_of(deployment_id)]
    assert sorted(results) == ["all 2026-03-02", "all 2026-03-03", "all 2026-03-04"]


def test_pausing_deletes_runs_that_wait(clean_server: PrefectServer) -> None:
    """Silent: the scheduler's runs are gone, not held back."""
    with get_client(sync_client=True) as client:
        deployment_id = count.to_deployment("late", schedule=Interval(3600)).apply()
        scheduled_runs(deployment_id)
        client.pause_deployment(deployment_id)
    assert [run for run in runs_of(deployment_id) if run.auto_scheduled] == []
