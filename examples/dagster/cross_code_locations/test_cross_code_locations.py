"""Values and news pass between two locations over one instance; jobs do not."""

from datetime import datetime, timedelta
from types import ModuleType

import dagster as dg
import pytest
from run_assets import run_assets, stored_value


def test_the_report_reads_what_the_other_location_stored(example: ModuleType, instance) -> None:
    """Two runs in two locations; the key and the IO manager's folder are all they share."""
    run_assets(example.sales(), instance)
    assert run_assets(example.finance(), instance, "report").errors == {}
    assert stored_value(example.finance(), "report", instance) == 1350


def test_news_of_the_other_location_start_the_report(example: ModuleType, instance) -> None:
    """eager() asks for the report after the orders have run in their own location, and not before."""
    moment = datetime(2026, 3, 1)
    first = dg.evaluate_automation_conditions(example.finance(), instance, evaluation_time=moment)
    run_assets(example.sales(), instance)
    later = moment + timedelta(minutes=1)
    second = dg.evaluate_automation_conditions(example.finance(), instance, evaluation_time=later, cursor=first.cursor)
    assert (first.total_requested, second.total_requested) == (0, 1)


def test_another_key_is_another_asset(instance) -> None:
    """Silent: a dependency on a key that no location has loads, runs, and waits for nobody."""
    report = dg.asset(lambda: None, name="report", deps=[dg.AssetKey(["sale", "orders"])])
    assert run_assets([report], instance).status == "SUCCESS"
    assert dg.AssetKey("sales/orders") != dg.AssetKey(["sales", "orders"])


def test_a_job_cannot_hold_the_other_locations_asset(example: ModuleType) -> None:
    """Selected, it is refused when the job is resolved."""
    both = dg.define_asset_job("both", [dg.AssetKey(["sales", "orders"]), dg.AssetKey("report")])
    finance = example.finance()
    defs = dg.Definitions(finance.assets, jobs=[both], resources=finance.resources)
    with pytest.raises(dg.DagsterInvalidDefinitionError) as refused:
        defs.resolve_job_def("both")
    assert "subset of existing executable asset keys" in str(refused.value.__cause__ or refused.value)
