"""Cron ticks that are lost or come at another hour than they seem to say."""

from datetime import datetime

import dagster as dg
import pytest
from run_assets import run_assets

DUE = dg.AutomationCondition
SIX = "0 6 * * *"
FIRST_DAY = [datetime(2026, 3, 1, 5), datetime(2026, 3, 1, 6, 30), "orders", datetime(2026, 3, 1, 7)]
SECOND_DAY = [datetime(2026, 3, 2, 7), "orders", datetime(2026, 3, 2, 8), datetime(2026, 3, 2, 9)]


@pytest.mark.parametrize(
    ("between", "asked"),
    [([], [0, 0, 1, 0, 0, 0]), ([datetime(2026, 3, 1, 8)], [0, 0, 1, 0, 0, 1, 0])],
    ids=["no evaluation", "one evaluation"],
)
def test_trap_a_request_and_the_next_tick_in_one_evaluation(
    instance: dg.DagsterInstance, between: list[datetime], asked: list[int]
) -> None:
    """Silent: with nothing evaluated between the request and the next tick, the second day is never asked for."""
    orders = dg.asset(lambda: None, name="orders")
    totals = dg.asset(lambda: None, name="totals", deps=[orders], automation_condition=DUE.on_cron(SIX))
    defs, cursor, found = dg.Definitions([orders, totals]), None, []
    for step in [*FIRST_DAY, *between, *SECOND_DAY]:
        if isinstance(step, str):
            run_assets(defs, instance, step)
            continue
        result = dg.evaluate_automation_conditions(defs, instance, evaluation_time=step, cursor=cursor)
        cursor, found = result.cursor, [*found, result.total_requested]
        if result.total_requested:
            run_assets(defs, instance, "totals")
    assert found == asked


@pytest.mark.parametrize(("zone", "asked"), [({}, [0, 1]), ({"cron_timezone": "Europe/Berlin"}, [1, 0])])
def test_trap_the_cron_does_not_take_the_zone_of_the_partitions(
    instance: dg.DagsterInstance, zone: dict[str, str], asked: list[int]
) -> None:
    """Silent: at 06:30 in Berlin, 05:30 UTC, six o'clock has not come for a cron beside partitions of Berlin."""
    days = dg.DailyPartitionsDefinition("2026-02-25", timezone="Europe/Berlin")
    at_six = DUE.on_cron(SIX, **zone)
    totals = dg.asset(lambda: None, name="totals", partitions_def=days, automation_condition=at_six)
    defs, cursor, found = dg.Definitions([totals]), None, []
    for moment in (datetime(2026, 3, 1, 4, 30), datetime(2026, 3, 1, 5, 30), datetime(2026, 3, 1, 6, 30)):
        result = dg.evaluate_automation_conditions(defs, instance, evaluation_time=moment, cursor=cursor)
        cursor, found = result.cursor, [*found, result.total_requested]
    assert found[1:] == asked
