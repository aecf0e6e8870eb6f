"""A late asset that asks for itself."""

import asyncio
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from code_location import live_location
from dagster._daemon.freshness import FreshnessDaemon
from private_names import frozen_at, in_process_workspace
from run_assets import run_assets

LOADED, HOUR = datetime(2026, 3, 5, 8, tzinfo=UTC), timedelta(hours=1)


@pytest.mark.parametrize(("late", "asked"), [("prices", []), ("report", ["report"])])
def test_trap_freshness_failed_looks_at_the_asset_itself(
    stored_instance: dg.DagsterInstance, late: str, asked: list[str]
) -> None:
    """Silent: on the asset after the late one it asks for nothing; on the late one it asks for that."""
    policy = {late: dg.FreshnessPolicy.time_window(fail_window=HOUR)}
    condition = dg.AutomationCondition.freshness_failed()
    prices = dg.asset(lambda: None, name="prices", freshness_policy=policy.get("prices"))
    report = dg.asset(
        lambda: None, name="report", deps=[prices], automation_condition=condition, freshness_policy=policy.get("report")
    )
    defs = dg.Definitions([prices, report])
    with frozen_at(LOADED):
        run_assets(defs, stored_instance)
    with live_location(defs) as module, in_process_workspace(stored_instance, module) as workspace, frozen_at(LOADED + 2 * HOUR):
        asyncio.run(FreshnessDaemon()._evaluate_assets(workspace))
    [record] = stored_instance.get_freshness_state_records([dg.AssetKey(late)]).values()
    assert record.freshness_state.value == "FAIL"
    result = dg.evaluate_automation_conditions(defs, stored_instance, evaluation_time=datetime(2026, 3, 5, 10))
    assert [key.to_user_string() for key in (prices.key, report.key) if result.get_num_requested(key)] == asked
