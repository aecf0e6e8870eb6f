"""Automation over simulated time tells a condition that asks for an update from one that silently does not."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from automation_over_time import running_automation

START, HOUR, DUE = datetime(2026, 3, 3, tzinfo=UTC), timedelta(hours=1), dg.AutomationCondition
DAYS = dg.DailyPartitionsDefinition("2026-02-20")


def chain(condition: dg.AutomationCondition) -> list[dg.AssetsDefinition]:
    """`orders`, which somebody else updates, and `shop/totals`, which automation shall keep up with it."""
    orders = dg.asset(lambda: 1, name="orders")
    totals = dg.asset(lambda orders: orders, name="totals", key_prefix="shop", automation_condition=condition)
    return [orders, totals]


def test_an_update_is_followed_once_by_a_run_that_has_ended(stored_instance: dg.DagsterInstance) -> None:
    """The turn after the update asks for the asset behind it, runs it, and the next turn knows that it ran."""
    with running_automation(chain(DUE.eager()), stored_instance, START) as automation:
        found = [automation.turn(START)]
        automation.materialize("orders")
        found += [automation.turn(START + n * HOUR) for n in (1, 2)]
        assert found == [{}, {"shop/totals": [None]}, {}]
        assert [(run.status, run.steps) for run in automation.runs] == [("SUCCESS", {"shop__totals": "success"})]


def test_the_part_that_stops_a_condition_is_named(stored_instance: dg.DagsterInstance) -> None:
    """After six, on_cron waits for a dependency that nobody updates, and says so; a hint that needs no browser."""
    with running_automation(chain(DUE.on_cron("0 6 * * *")), stored_instance, START) as automation:
        assert [automation.turn(START + n * HOUR) for n in (0, 7)] == [{}, {}]
        assert automation.stopped_by("shop/totals") == "all_deps_updated_since_cron(0 6 * * *, UTC)"
        with pytest.raises(LookupError, match="orders was never evaluated"):
            automation.stopped_by("orders")


def test_several_partitions_of_one_tick_are_run_as_a_backfill(stored_instance: dg.DagsterInstance) -> None:
    """Ten missing days are ten runs of one backfill; with a single-run policy they are one run over the range."""
    how = {"partitions_def": DAYS, "automation_condition": DUE.missing()}

    def stores_nothing() -> None: ...

    each = dg.asset(stores_nothing, name="each", **how)
    at_once = dg.asset(stores_nothing, name="at_once", backfill_policy=dg.BackfillPolicy.single_run(), **how)
    with running_automation([each, at_once], stored_instance, START) as automation:
        found = automation.turn(START)
    assert (found["at_once"], len(found["each"]), found["each"][-1]) == (["2026-02-20...2026-03-02"], 11, "2026-03-02")
    assert ({run.status for run in automation.runs}, len(stored_instance.get_backfills())) == ({"SUCCESS"}, 1)


def test_a_sensor_can_ask_for_runs_instead_of_a_backfill(stored_instance: dg.DagsterInstance) -> None:
    """With emit_backfills=False each partition is a run of the tick itself."""
    each = dg.asset(lambda: None, name="each", partitions_def=DAYS, automation_condition=DUE.missing())
    own = dg.AutomationConditionSensorDefinition("own", target=[each], emit_backfills=False)
    with running_automation(dg.Definitions([each], sensors=[own]), stored_instance, START, switch_on=False) as automation:
        automation.daemon.switch_on("own")
        assert len(automation.turn(START)["each"]) == 11
    assert stored_instance.get_backfills() == []


def test_the_default_sensor_is_switched_off_on_demand(stored_instance: dg.DagsterInstance) -> None:
    """As a fresh deployment has it, no condition is evaluated; a sensor of one's own that is RUNNING is."""
    lonely = dg.asset(lambda: None, name="lonely", automation_condition=DUE.missing())
    with running_automation([lonely], stored_instance, START, switch_on=False) as automation:
        assert automation.turn(START) == {}
    on = dg.AutomationConditionSensorDefinition("own", target=[lonely], default_status=dg.DefaultSensorStatus.RUNNING)
    with running_automation(dg.Definitions([lonely], sensors=[on]), stored_instance, START) as automation:
        assert automation.turn(START) == {"lonely": [None]}


def test_a_condition_of_ones_own_breaks_only_where_it_is_evaluated(stored_instance: dg.DagsterInstance) -> None:
    """The default sensor leaves it out without a word; a sensor in the code server evaluates it, and its error is raised."""

    class Broken(dg.AutomationCondition):
        def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
            raise ValueError("no such table")

    odd = dg.asset(lambda: None, name="odd", automation_condition=Broken())
    with running_automation([odd], stored_instance, START) as automation:
        assert automation.turn(START) == {}
    own = dg.AutomationConditionSensorDefinition("own", target=[odd], use_user_code_server=True)
    with running_automation(dg.Definitions([odd], sensors=[own]), stored_instance, START) as automation:
        automation.daemon.switch_on("own")
        with pytest.raises(RuntimeError, match="own: ValueError: no such table"):
            automation.turn(START)


def test_the_clock_only_goes_forward(stored_instance: dg.DagsterInstance) -> None:
    """An earlier moment is refused: the daemon would skip it without a word."""
    with running_automation(chain(DUE.eager()), stored_instance, START) as automation:
        automation.materialize("orders", at=START + 2 * HOUR)
        with pytest.raises(ValueError, match="its clock only goes forward"):
            automation.turn(START + HOUR)
