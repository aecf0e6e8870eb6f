"""Zones, offsets and partitions that a schedule takes from elsewhere, or from nowhere."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from daemon_turns import running_daemon
from run_assets import run_job
from schedule_ticks import evaluate_schedule, ticks_between

NIGHT = datetime(2026, 3, 4, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))


def nightly(days: dg.DailyPartitionsDefinition) -> tuple[dg.Definitions, str]:
    """Definitions with a schedule at 02:30 from the job's partitions, and its name."""
    revenue = dg.asset(lambda: None, name="revenue", partitions_def=days)
    job = dg.define_asset_job("load", [revenue])
    schedule = dg.build_schedule_from_partitioned_job(job, hour_of_day=2, minute_of_hour=30)
    return dg.Definitions([revenue], schedules=[schedule]), schedule.name


@pytest.mark.parametrize(("offset", "day"), [(0, "2026-03-03"), (1, "2026-03-04")])
def test_trap_an_end_offset_moves_the_day_of_each_tick(offset: int, day: str) -> None:
    """Silent: with it the night of March 4 loads the day that has just begun."""
    days = dg.DailyPartitionsDefinition("2026-03-01", timezone="Europe/Berlin", end_offset=offset)
    assert evaluate_schedule(*nightly(days), NIGHT).partitions == [day]


@pytest.mark.parametrize(("how", "hour", "day"), [({}, 2, "2026-03-03"), ({"timezone": "Europe/Berlin"}, 1, "2026-03-04")])
def test_trap_days_without_a_zone_are_those_of_utc(how: dict[str, str], hour: int, day: str) -> None:
    """Silent: the tick is at 02:30 UTC, and an order of 00:30 in Berlin belongs to the day before."""
    days = dg.DailyPartitionsDefinition("2026-03-01", **how)
    [moment] = ticks_between(*nightly(days), *(datetime(2026, 3, number, tzinfo=UTC) for number in (4, 5)))
    order = datetime(2026, 3, 4, 0, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    windows = {key: days.time_window_for_partition_key(key) for key in ("2026-03-03", "2026-03-04")}
    found = [key for key, window in windows.items() if window.start <= order < window.end]
    assert (moment.astimezone(UTC).hour, found) == (hour, [day])


@pytest.mark.parametrize(("planned", "partitions"), [(False, []), (True, ["2026-03-03"])], ids=["plain", "partitioned"])
def test_trap_a_plain_schedule_materializes_no_partition(
    instance: dg.DagsterInstance, planned: bool, partitions: list[str]
) -> None:
    """Silent: green runs, and every day stays missing; only a body that asks for its key would fail."""
    defs, name = nightly(dg.DailyPartitionsDefinition("2026-03-01", timezone="Europe/Berlin"))
    if not planned:
        plain = dg.ScheduleDefinition(
            "plain", job=defs.resolve_job_def("load"), cron_schedule="30 2 * * *", execution_timezone="Europe/Berlin"
        )
        defs, name = dg.Definitions(defs.assets, schedules=[plain]), "plain"
    [day] = evaluate_schedule(defs, name, NIGHT).partitions
    run = run_job(defs, "load", instance, partition=day)
    assert (run.status, instance.get_materialized_partitions(dg.AssetKey("revenue"))) == ("SUCCESS", set(partitions))


@pytest.mark.parametrize(("asks", "loaded"), [(False, ["2026-03-06"]), (True, ["2026-03-04", "2026-03-05", "2026-03-06"])])
def test_trap_after_an_outage_one_night_is_loaded(stored_instance: dg.DagsterInstance, asks: bool, loaded: list[str]) -> None:
    """Silent: of three nights without a daemon the last one runs; a schedule that asks for what is missing has all."""
    days = dg.DailyPartitionsDefinition("2026-03-04", timezone="Europe/Berlin")
    revenue = dg.asset(lambda: None, name="revenue", partitions_def=days)
    job, on = dg.define_asset_job("load", [revenue]), dg.DefaultScheduleStatus.RUNNING

    @dg.schedule(job=job, cron_schedule="30 2 * * *", execution_timezone="Europe/Berlin", default_status=on)
    def missing_days(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        done = context.instance.get_materialized_partitions(revenue.key)
        ended = days.get_partition_keys(current_time=context.scheduled_execution_time)
        return [dg.RunRequest(run_key=day, partition_key=day) for day in ended if day not in done]

    plain = dg.build_schedule_from_partitioned_job(job, hour_of_day=2, minute_of_hour=30, default_status=on)
    defs = dg.Definitions([revenue], schedules=[missing_days if asks else plain])
    with running_daemon(defs, stored_instance, NIGHT + timedelta(hours=1)) as daemon:
        [tick] = daemon.turn(NIGHT + timedelta(days=3, minutes=1))
    assert sorted(str(day) for day in tick.partitions) == loaded
