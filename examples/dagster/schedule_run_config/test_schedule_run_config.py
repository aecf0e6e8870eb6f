"""Each tick's run gets the config of that tick; what is wrong with a config is seen where it arises."""

from datetime import datetime, timedelta
from types import ModuleType
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from daemon_turns import running_daemon
from schedule_ticks import evaluate_schedule, ticks_between

BERLIN, DAY = ZoneInfo("Europe/Berlin"), timedelta(days=1)
RUNNING = dg.DefaultScheduleStatus.RUNNING


def test_six_days_over_easter(example: ModuleType, stored_instance) -> None:
    """From Thursday to Tuesday: weekend and holidays have no run, each other day its own date."""
    first, loaded, why = datetime(2026, 4, 2, 5, 59, tzinfo=BERLIN), [], []
    with running_daemon(example.defs, stored_instance, first) as daemon:
        for number in range(6):
            for tick in daemon.turn(first + number * DAY + timedelta(minutes=2)):
                loaded += [run.metadata["shop/prices"] for run in tick.runs]
                why += [tick.skip_reason] if tick.skip_reason else []
    assert loaded == [{"valid_on": "2026-04-02", "full": False}, {"valid_on": "2026-04-07", "full": False}]
    assert why == ["2026-04-03 is a holiday", "2026-04-06 is a holiday"]


def test_mondays_are_full(example: ModuleType) -> None:
    """Of a week's ticks only that of Monday asks for all articles."""
    moments = ticks_between(example.defs, "on_working_days", *(datetime(2026, 3, day, tzinfo=BERLIN) for day in (9, 16)))
    configs = [evaluate_schedule(example.defs, "on_working_days", moment).requests[0].run_config for moment in moments]
    assert [config["ops"]["shop__prices"]["config"]["full"] for config in configs] == [True, False, False, False, False]


def test_a_tick_that_comes_late_loads_its_own_day(example: ModuleType, stored_instance) -> None:
    """The daemon was down over midnight: the config says Thursday, the day of the tick, not Friday's date."""
    down = datetime(2026, 3, 5, 5, 59, tzinfo=BERLIN)
    with running_daemon(example.defs, stored_instance, down) as daemon:
        [tick] = daemon.turn(down + timedelta(hours=20))
    assert [run.tags["valid_on"] for run in tick.runs] == ["2026-03-05"]


def test_the_moment_has_the_zone_of_the_schedule() -> None:
    """Silent: at 00:30 in Berlin the date is that of Berlin; without execution_timezone it is that of UTC."""
    seen = {}
    for zone in ("Europe/Berlin", None):

        @dg.schedule(target=[dg.asset(lambda: None, name="a")], cron_schedule="30 0 * * *", execution_timezone=zone)
        def nightly(context: dg.ScheduleEvaluationContext) -> dg.SkipReason:
            return dg.SkipReason(str(context.scheduled_execution_time.utcoffset()))

        defs = dg.Definitions(schedules=[nightly])
        [moment] = ticks_between(defs, "nightly", *(datetime(2026, 3, day, tzinfo=ZoneInfo("UTC")) for day in (5, 6)))
        seen[zone] = evaluate_schedule(defs, "nightly", moment).skip_reason
    assert seen == {"Europe/Berlin": "1:00:00", None: "0:00:00"}


def launched(source: dg.Definitions, instance: dg.DagsterInstance) -> tuple[str, list[str], bool]:
    """Status of the tick at 06:00, of its runs, and whether the tick has an error."""
    start = datetime(2026, 3, 5, 5, 59, tzinfo=BERLIN)
    with running_daemon(source, instance, start) as daemon:
        [tick] = daemon.turn(start + timedelta(minutes=2))
    return tick.status, [run.status for run in tick.runs], tick.error is not None


@pytest.mark.parametrize(
    ("key", "fields"),
    [("shop__prices", {"valid_form": "2026-03-05"}), ("prices", {"valid_on": "2026-03-05"}), ("shop__prices", {"full": "yes"})],
)
def test_a_config_that_does_not_fit(example: ModuleType, stored_instance, key: str, fields: dict) -> None:
    """A misspelt field, the op's name without its prefix, a text for a bool: the tick fails and there is no run to see."""

    @dg.schedule(job=example.load_prices, cron_schedule="0 6 * * *", execution_timezone="Europe/Berlin", default_status=RUNNING)
    def wrong() -> dg.RunRequest:
        return dg.RunRequest(run_config={"ops": {key: {"config": fields}}})

    defs = dg.Definitions([example.prices], schedules=[wrong])
    assert launched(defs, stored_instance) == ("FAILURE", [], True)


def test_config_for_an_asset_without_config_is_ignored(stored_instance) -> None:
    """Silent: an asset that takes no config accepts any: the run is green and nothing reads it."""

    @dg.asset
    def prices() -> None: ...

    @dg.schedule(target=[prices], cron_schedule="0 6 * * *", execution_timezone="Europe/Berlin", default_status=RUNNING)
    def unread() -> dg.RunRequest:
        return dg.RunRequest(run_config={"ops": {"prices": {"config": {"valid_on": "2026-03-05"}}}})

    assert launched(dg.Definitions([prices], schedules=[unread]), stored_instance) == ("SUCCESS", ["SUCCESS"], False)
