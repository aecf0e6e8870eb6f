"""What automation asks for over simulated days, and what the conditions that look right never ask for."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import ModuleType
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from automation_over_time import Automation, running_automation

DUE, DAYS, ZONE = dg.AutomationCondition, dg.DailyPartitionsDefinition("2026-03-01"), ZoneInfo("Europe/Berlin")
START, HOUR, DAY = datetime(2026, 3, 3, 1, tzinfo=ZONE), timedelta(hours=1), timedelta(days=1)  # the newest day is March 2
AT_SIX = DUE.on_cron("0 6 * * *").without(DUE.all_deps_updated_since_cron("0 6 * * *"))  # for an asset without news upstream


@pytest.fixture
def shop(example: ModuleType, stored_instance: dg.DagsterInstance) -> Iterator[Automation]:
    with running_automation(example.defs, stored_instance, START, switch_on=False) as automation:
        automation.turn(START)
        yield automation


def asked(instance: dg.DagsterInstance, condition: DUE, *steps: datetime | str, upstream=None, **how) -> list[list]:
    """What is asked of `totals`, which depends on `orders`, at each moment; a text between them updates orders."""
    orders = dg.asset(lambda: None, name="orders", partitions_def=upstream or how.get("partitions_def"))
    totals = dg.asset(how.pop("compute", lambda: None), name="totals", deps=[orders], automation_condition=condition, **how)
    defs, cursor, found = dg.Definitions([orders, totals]), None, []
    for step in steps:
        if isinstance(step, str):
            dg.materialize([orders], instance=instance, partition_key=step or None)
            continue
        result = dg.evaluate_automation_conditions(defs, instance, cursor=cursor, evaluation_time=step)
        cursor, partitions = result.cursor, sorted(result.get_requested_partitions(totals.key), key=str)
        for partition in partitions:
            dg.materialize([totals], instance=instance, partition_key=partition, raise_on_error=False)
        found.append(partitions)
    return found


def test_revenue_waits_for_late_orders_and_totals_follow(shop: Automation) -> None:
    """After six nothing is asked for until the orders are there; then revenue once, and totals in the same run or the next."""
    found = [shop.turn(START + 6 * HOUR)]
    shop.materialize("orders", "2026-03-02")
    found += [shop.turn(START + hours * HOUR) for hours in (7, 8, 9)]
    assert [asked.get("revenue", []) for asked in found] == [[], ["2026-03-02"], [], []]
    assert [run.metadata["totals"] for run in shop.runs if "totals" in run.metadata][-1] == {"days": 1, "cents": 1350}


def test_nothing_is_asked_for_before_six(shop: Automation) -> None:
    """The zone of the cron counts: 05:30 in Berlin is too early, 06:30 is not."""
    shop.materialize("orders", "2026-03-02")
    minutes = [shop.turn(START + timedelta(hours=4, minutes=30) + n * HOUR).get("revenue", []) for n in (0, 1)]
    assert minutes == [[], ["2026-03-02"]]


def test_an_outage_of_three_days_is_made_up_for(shop: Automation) -> None:
    """Three mornings without an evaluation: all their days are asked for by the next one, and none again the day after."""
    for n, day in enumerate(("2026-03-03", "2026-03-04", "2026-03-05")):
        shop.materialize("orders", day, at=START + (n + 1) * DAY)
    moments = [START + 3 * DAY + 6 * HOUR, START + 3 * DAY + 7 * HOUR, START + 4 * DAY + 6 * HOUR]
    found = [shop.turn(moment).get("revenue") for moment in moments]
    assert found == [["2026-03-03", "2026-03-04", "2026-03-05"], None, None]


def test_on_cron_never_comes_back_to_the_days_of_an_outage(instance: dg.DagsterInstance) -> None:
    """The same outage: the newest day only."""
    found = asked(instance, AT_SIX, START, START + 3 * DAY + 6 * HOUR, START + 4 * DAY + 6 * HOUR, partitions_def=DAYS)
    assert found == [[], ["2026-03-05"], ["2026-03-06"]]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (DUE.eager(), [[], [], []]),
        (DUE.on_missing(), [[], [], []]),
        (DUE.eager().replace("newly_missing", DUE.missing()), [[], [None], []]),
        (DUE.on_missing().replace("missing_since_last_handled", DUE.missing().since_last_handled()), [[], [None], []]),
    ],
)
def test_what_is_missing_from_the_start_is_not_newly_missing(
    instance: dg.DagsterInstance, condition: DUE, expected: list
) -> None:
    """Eager and on_missing never ask for an asset that was missing at the first evaluation; missing() does, once."""
    assert asked(instance, condition, "", *(START + n * HOUR for n in range(3))) == expected


@pytest.mark.parametrize(
    ("condition", "expected"), [(DUE.eager(), [[], []]), (DUE.eager().without(DUE.in_latest_time_window()), [[], ["2026-03-01"]])]
)
def test_eager_follows_only_the_latest_day(instance: dg.DagsterInstance, condition: DUE, expected: list) -> None:
    """An update of an older partition is followed only without the latest time window."""
    assert asked(instance, condition, START, "2026-03-01", START + HOUR, partitions_def=DAYS) == expected


@pytest.mark.parametrize(
    ("condition", "expected"), [(DUE.eager(), [[], []]), (DUE.eager().without(~DUE.any_deps_missing()), [[], [None]])]
)
def test_eager_waits_until_no_day_upstream_is_missing(instance: dg.DagsterInstance, condition: DUE, expected: list) -> None:
    """One gap among the days keeps an asset without partitions from ever being asked for."""
    assert asked(instance, condition, START, "2026-03-02", START + HOUR, upstream=DAYS) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (DUE.missing() & ~DUE.in_progress(), [[None], [None], [None]]),
        (DUE.missing().since_last_handled() & ~DUE.in_progress(), [[], [None], []]),
    ],
)
def test_a_failing_asset_is_asked_for_at_every_tick(instance: dg.DagsterInstance, condition: DUE, expected: list) -> None:
    """Without since_last_handled, missing() starts a run every 30 seconds for as long as the asset fails."""
    moments = [START + n * HOUR for n in range(3)]
    assert asked(instance, condition, *moments, compute=lambda: 1 / 0) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (DUE.cron_tick_passed("0 6 * * *") & ~DUE.any_deps_missing(), [[], [], []]),
        (DUE.cron_tick_passed("0 6 * * *").since_last_handled() & ~DUE.any_deps_missing(), [[], [], [None]]),
    ],
)
def test_a_bare_cron_tick_is_lost_when_something_else_is_not_ready(
    instance: dg.DagsterInstance, condition: DUE, expected: list
) -> None:
    """A tick is true at one evaluation; since_last_handled keeps it until it was used."""
    assert asked(instance, condition, START, START + 7 * HOUR, "", START + 8 * HOUR) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (DUE.on_cron("0 6 * * *"), [[], []]),
        (AT_SIX, [[], [None]]),
        (DUE.on_cron("0 6 * * *").ignore(dg.AssetSelection.assets("orders")), [[], [None]]),
    ],
)
def test_on_cron_waits_for_a_dependency_that_nobody_updates(instance: dg.DagsterInstance, condition: DUE, expected: list) -> None:
    """It waits for ever; without that part, or with the dependency ignored, six o'clock is enough."""
    assert asked(instance, condition, START, START + 7 * HOUR) == expected


def test_a_wrong_name_replaces_nothing_and_raises_nothing() -> None:
    """`replace` leaves the condition as it was; `without` raises."""
    assert DUE.eager().replace("any_dep_updated", DUE.missing()) == DUE.eager()
    with pytest.raises(dg._check.ParameterCheckError, match="Condition not found in operands"):
        DUE.eager().without(DUE.missing())


def test_the_default_sensor_is_off(stored_instance: dg.DagsterInstance) -> None:
    """Conditions alone start nothing: the sensor that Dagster adds for them is STOPPED."""
    lonely = dg.asset(lambda: None, name="lonely", automation_condition=DUE.missing())
    with running_automation([lonely], stored_instance, START, switch_on=False) as automation:
        assert automation.turn(START) == {}
        automation.daemon.switch_on("default_automation_condition_sensor")
        assert automation.turn(START + HOUR) == {"lonely": [None]}
