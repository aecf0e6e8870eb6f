"""A schedule is right or wrong at a moment in a time zone, and the harness sees which."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from schedule_ticks import evaluate_schedule, ticks_between

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = dg.DailyPartitionsDefinition("2026-03-01", timezone="Europe/Berlin")


@dg.asset(partitions_def=DAYS)
def revenue() -> None: ...


JOB = dg.define_asset_job("revenue_job", [revenue])


def night(zone: str | None) -> dg.Definitions:
    """A schedule at 02:30 of the zone."""
    schedule = dg.ScheduleDefinition(name="night", job=JOB, cron_schedule="30 2 * * *", execution_timezone=zone)
    return dg.Definitions(assets=[revenue], jobs=[JOB], schedules=[schedule])


@pytest.mark.parametrize(
    ("day", "in_berlin", "in_utc"),
    [
        ("2026-03-28", "01:30", "02:30"),
        ("2026-03-29", "01:00", "02:30"),  # 02:30 is missing: 03:00 summer time
        ("2026-10-25", "01:30", "02:30"),  # 02:30 comes twice: the later one
    ],
)
def test_a_zone_and_none_tick_at_different_moments(day: str, in_berlin: str, in_utc: str) -> None:
    """A schedule without a zone ticks in UTC, an hour or two later than meant, and moves with the seasons."""
    start, end = datetime.fromisoformat(f"{day}T00:00+01:00"), datetime.fromisoformat(f"{day}T12:00+01:00")
    found = [
        [f"{moment.astimezone(UTC):%H:%M}" for moment in ticks_between(night(zone), "night", start, end)]
        for zone in ("Europe/Berlin", None)
    ]
    assert found == [[in_berlin], [in_utc]]


def test_a_partitioned_schedule_asks_for_the_finished_day() -> None:
    """build_schedule_from_partitioned_job takes the last complete day; a plain schedule asks for no partition."""
    good = dg.build_schedule_from_partitioned_job(JOB, name="night", hour_of_day=2, minute_of_hour=30)
    moment = datetime(2026, 3, 4, 2, 30, tzinfo=BERLIN)
    definitions = dg.Definitions(assets=[revenue], jobs=[JOB], schedules=[good])
    asked = [evaluate_schedule(source, "night", moment).partitions for source in (definitions, night("Europe/Berlin"))]
    assert asked == [["2026-03-03"], [None]]


def test_a_function_sees_the_moment_the_resources_and_why_it_skipped() -> None:
    """Requests carry config and tags; a SkipReason is read as text."""

    @dg.schedule(job=JOB, cron_schedule="@daily")
    def weekdays(context: dg.ScheduleEvaluationContext, shop: dg.ResourceParam[str]):
        if context.scheduled_execution_time.weekday() > 4:
            return dg.SkipReason(f"{shop} is closed")
        return dg.RunRequest(partition_key="2026-03-02", tags={"shop": shop})

    source = dg.Definitions(assets=[revenue], jobs=[JOB], schedules=[weekdays], resources={"shop": "bern"})
    friday, saturday = (datetime(2026, 3, day, tzinfo=UTC) for day in (6, 7))
    [request] = evaluate_schedule(source, "weekdays", friday, resources={"shop": "oslo"}).requests
    assert (request.tags["shop"], request.tags["dagster/partition"]) == ("oslo", "2026-03-02")
    assert evaluate_schedule(source, "weekdays", saturday).skip_reason == "bern is closed"


def test_a_function_that_needs_the_instance_gets_a_stored_one(stored_instance, instance) -> None:
    """Dynamic partitions are read from the stored instance; one in memory is refused, since it would be dropped."""
    shops = dg.DynamicPartitionsDefinition(name="shops")

    @dg.asset(partitions_def=shops)
    def shop() -> None: ...

    job = dg.define_asset_job("shop_job", [shop])

    @dg.schedule(job=job, cron_schedule="@daily")
    def every_shop(context: dg.ScheduleEvaluationContext):
        for key in context.instance.get_dynamic_partitions("shops"):
            yield dg.RunRequest(run_key=key, partition_key=key)

    source = dg.Definitions(assets=[shop], jobs=[job], schedules=[every_shop])
    stored_instance.add_dynamic_partitions("shops", ["bern", "oslo"])
    moment = datetime(2026, 3, 4, tzinfo=UTC)
    assert evaluate_schedule(source, "every_shop", moment, stored_instance).partitions == ["bern", "oslo"]
    with pytest.raises(ValueError, match="use the stored_instance fixture"):
        evaluate_schedule(source, "every_shop", moment, instance)


def test_a_moment_without_zone_is_refused() -> None:
    """A naive datetime would be read as UTC."""
    with pytest.raises(ValueError, match="has no time zone"):
        evaluate_schedule(night(None), "night", datetime(2026, 3, 4))
