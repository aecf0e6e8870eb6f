"""Gates that are not there: left out of the job, or all with the same limit."""

import warnings

import dagster as dg
import pytest
from dagster_shared.utils.warnings import PreviewWarning
from run_assets import run_assets, run_job


def shop() -> tuple[list[dg.AssetsDefinition], dg.AssetChecksDefinition]:
    """Orders, a blocking check that refuses them, and totals after it."""
    orders = dg.asset(lambda: None, name="orders")

    @dg.asset_check(asset=orders, blocking=True)
    def gate() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    return [orders, dg.asset(lambda: None, name="totals", deps=[orders])], gate


@pytest.mark.parametrize(("gated", "totals"), [(False, "success"), (True, "not started")])
def test_trap_a_job_without_checks_has_no_gate(instance: dg.DagsterInstance, gated: bool, totals: str) -> None:
    """Silent: `without_checks()` in a selection takes the blocking ones along."""
    assets, gate = shop()
    selection = dg.AssetSelection.all() if gated else dg.AssetSelection.all().without_checks()
    defs = dg.Definitions(assets, asset_checks=[gate], jobs=[dg.define_asset_job("daily", selection)])
    assert run_job(defs, "daily", instance).steps["totals"] == totals


def test_trap_checks_made_in_a_loop_share_the_last_limit(instance: dg.DagsterInstance) -> None:
    """Silent: each function reads the loop's variable when it runs; one that a factory makes keeps its own."""
    orders = dg.asset(lambda: [700], name="orders")
    limits = {"loop_500": 500, "loop_900": 900}

    def rule(name: str, limit: int) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=orders, name=name)
        def check(orders: list[int]) -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=max(orders) <= limit)

        return check

    checks = [rule(name.replace("loop", "made"), limit) for name, limit in limits.items()]
    for name, limit in limits.items():

        @dg.asset_check(asset=orders, name=name)
        def late(orders: list[int]) -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=max(orders) <= limit)  # noqa: B023, the trap

        checks.append(late)
    passed = {name.split(":")[1]: check.passed for name, check in run_assets([orders, *checks], instance).checks.items()}
    assert passed == {"loop_500": True, "loop_900": True, "made_500": False, "made_900": True}


def test_trap_partitions_of_a_check_are_a_preview() -> None:
    """The argument warns; a check without it does not."""
    days = dg.DailyPartitionsDefinition("2026-03-01")
    orders = dg.asset(lambda: None, name="orders", partitions_def=days)

    def filled() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    with pytest.warns(PreviewWarning, match="partitions_def"):
        dg.asset_check(asset=orders, partitions_def=days)(filled)
    with warnings.catch_warnings(action="error"):
        dg.asset_check(asset=orders)(filled)


@pytest.mark.parametrize(("blocking", "totals"), [(True, "not started"), (False, "success")])
def test_trap_a_gate_inside_a_multi_asset_stops_what_follows_any_of_its_assets(
    instance: dg.DagsterInstance, blocking: bool, totals: str
) -> None:
    """Orders are refused; lines are written after that, and what reads only lines does not start either."""
    gate = dg.AssetCheckSpec("filled", asset="orders", blocking=blocking)

    @dg.multi_asset(specs=[dg.AssetSpec("orders"), dg.AssetSpec("lines")], check_specs=[gate])
    def load():
        yield dg.MaterializeResult("orders")
        yield dg.AssetCheckResult(passed=False, check_name="filled", asset_key="orders")
        yield dg.MaterializeResult("lines")

    run = run_assets([load, dg.asset(lambda: None, name="totals", deps=["lines"])], instance)
    assert ({"orders", "lines"} <= set(run.metadata), run.steps["totals"]) == (True, totals)
