"""The bad row reaches the gate, and what the gate does not stop is shown beside it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from code_location import live_location
from dagster._daemon.freshness import FreshnessDaemon
from private_names import frozen_at, in_process_workspace
from run_assets import run_assets

DAY, HEADER = "2026-03-02", "day,order_id,cents\n"


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Call with lines "order_id,cents": they are the orders of DAY."""

    def write(*lines: str) -> None:
        (tmp_path / "orders.csv").write_text(HEADER + "".join(f"{DAY},{line}\n" for line in lines))
        monkeypatch.setenv("SHOP_ORDERS", str(tmp_path / "orders.csv"))

    return write


@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        (["1,450", "2,-90"], "amounts_are_positive"),
        (["1,450", "2,"], "amounts_are_positive"),
        (["1,450", "1,450"], "orders_are_unique"),
        ([], "there_are_orders"),
    ],
)
def test_a_bad_row_stops_the_revenue(example: ModuleType, instance, feed, lines: list[str], broken: str) -> None:
    """One rule objects, the rows are stored, and the revenue of the day is not computed."""
    feed(*lines)
    run = run_assets(example.defs, instance, partition=DAY)
    failed = [name for name, check in run.checks.items() if not check.passed]
    assert (failed, run.steps["orders"], run.steps["revenue"]) == ([f"orders:{broken}"], "success", "not started")


def test_a_warning_shows_and_stops_nothing(example: ModuleType, instance, feed) -> None:
    """An order of 150 euro is named in the check; the revenue includes it."""
    feed("1,450", "7,15000")
    run = run_assets(example.defs, instance, partition=DAY)
    check = run.checks["orders:no_order_above_100_euro"]
    assert (check.passed, check.severity, check.metadata) == (False, "WARN", {"bad_rows": 1, "first": [7]})
    assert (run.status, run.metadata["revenue"]) == ("SUCCESS", {"cents": 15450})


def test_a_bad_day_leaves_the_next_day_alone(example: ModuleType, instance, feed, monkeypatch) -> None:
    """Each check reads the partition of its run."""
    feed("1,-1")
    assert run_assets(example.defs, instance, partition=DAY).status == "FAILURE"
    monkeypatch.delenv("SHOP_ORDERS")
    assert run_assets(example.defs, instance, partition="2026-03-03").metadata["revenue"] == {"cents": 2500}


def pipeline(severity: str = "ERROR", blocking: bool = False, broken: bool = False) -> list:
    """orders, a check that fails, and total after them."""
    rows = dg.asset(lambda: None, name="orders")

    @dg.asset_check(asset=rows, blocking=blocking)
    def gate() -> dg.AssetCheckResult:
        if broken:
            raise ValueError("check is broken")
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity(severity))

    return [rows, gate, dg.asset(lambda: None, name="total", deps=[rows])]


@pytest.mark.parametrize(
    ("how", "status", "total"),
    [
        ({}, "SUCCESS", "success"),
        ({"severity": "WARN", "blocking": True}, "SUCCESS", "success"),
        ({"broken": True}, "FAILURE", "success"),
        ({"blocking": True}, "FAILURE", "not started"),
    ],
)
def test_only_blocking_with_error_stops(instance, how: dict, status: str, total: str) -> None:
    """Silent: a failed check alone is a green run. A check that raises fails the run, but not before what it should guard."""
    run = run_assets(pipeline(**how), instance)
    assert (run.status, run.steps["total"]) == (status, total)


def test_a_gate_holds_in_its_own_run_only(instance) -> None:
    """Silent: the asset after the gate, started alone, runs on the rows that were refused."""
    gated = pipeline(blocking=True)
    assert run_assets(gated, instance).status == "FAILURE"
    assert run_assets(gated, instance, "total").steps == {"total": "success"}


@pytest.mark.parametrize(("gated", "asked"), [(False, 1), (True, 0)])
def test_automation_passes_the_gate_unless_told(instance, gated: bool, asked: int) -> None:
    """Silent: eager() follows refused rows in a run of its own; all_deps_blocking_checks_passed() holds it."""
    condition = dg.AutomationCondition.eager()
    if gated:
        condition &= dg.AutomationCondition.all_deps_blocking_checks_passed()
    rows, gate, _ = pipeline(blocking=True)
    follower = dg.asset(lambda: None, name="follower", deps=[rows], automation_condition=condition)
    defs, moment = dg.Definitions([rows, follower], asset_checks=[gate]), datetime(2026, 3, 1)
    cursor = dg.evaluate_automation_conditions(defs, instance, evaluation_time=moment).cursor
    run_assets(defs, instance, "orders")
    later = dg.evaluate_automation_conditions(defs, instance, evaluation_time=moment + timedelta(minutes=1), cursor=cursor)
    assert later.total_requested == asked


@pytest.mark.parametrize(("own", "outcome"), [(False, "FileNotFoundError"), (True, "")])
def test_a_check_with_an_argument_reads_every_partition(instance, own: bool, outcome: str) -> None:
    """Without partitions_def of its own (preview) a check loads all days, and fails when one is missing."""
    days = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-04")
    rows = dg.asset(lambda: [1], name="rows", partitions_def=days)

    @dg.asset_check(asset=rows, partitions_def=days if own else None)
    def filled(rows) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=rows == [1])

    run = run_assets([rows, filled], instance, partition=DAY)
    assert run.errors.get("rows_filled", "").split(":")[0] == outcome


def freshness(defs: dg.Definitions, instance: dg.DagsterInstance, moment: datetime) -> dict[str, str]:
    """States after one turn of the freshness daemon at `moment`."""
    with live_location(defs) as module, in_process_workspace(instance, module) as workspace, frozen_at(moment):
        asyncio.run(FreshnessDaemon()._evaluate_assets(workspace))
    keys = [spec.key for spec in defs.resolve_all_asset_specs()]
    states = instance.get_freshness_state_records(keys)
    return {key.to_user_string(): state.freshness_state.value for key, state in states.items()}


def test_freshness_fails_after_the_deadline_and_never_before_a_first_run(example: ModuleType, stored_instance) -> None:
    """Silent: what never ran is UNKNOWN, not FAIL. An old partition, loaded late, turns the whole asset to PASS."""
    nine = datetime(2026, 3, 5, 8, tzinfo=UTC)
    states = [freshness(example.defs, stored_instance, nine + timedelta(days=9))["orders"]]
    with frozen_at(nine - timedelta(hours=1)):
        run_assets(example.defs, stored_instance, "orders", partition="2026-03-03")
    states += [freshness(example.defs, stored_instance, nine + timedelta(hours=n))["orders"] for n in (1, 23, 25)]
    with frozen_at(nine + timedelta(hours=25)):
        run_assets(example.defs, stored_instance, "orders", partition="2026-03-01")
    states.append(freshness(example.defs, stored_instance, nine + timedelta(hours=26))["orders"])
    assert states == ["UNKNOWN", "PASS", "PASS", "FAIL", "PASS"]
