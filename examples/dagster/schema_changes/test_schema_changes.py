"""A lost or retyped column stops the load, at every run until it is accepted; a new one is recorded."""

import warnings
from pathlib import Path
from types import ModuleType

import dagster as dg
import duckdb
import pytest
from finished_run import FinishedRun
from run_assets import run_assets

HEADER, MORE = "order_id,day,cents\n1,2026-03-01,900\n", "order_id,day,cents,note\n1,2026-03-01,900,gift\n"
RENAMED, RETYPED = "order_id,day,amount\n1,2026-03-01,900\n", "order_id,day,cents\n1,2026-03-01,nine\n"


def load(example: ModuleType, instance: dg.DagsterInstance, text: str, accept_changes: bool = False) -> FinishedRun:
    """Load a file of this text."""
    Path("changed.csv").write_text(text)
    config = example.OrdersFile(path="changed.csv", accept_changes=accept_changes)
    return run_assets(example.defs, instance, run_config=dg.RunConfig(ops={"orders": config}))


@pytest.mark.parametrize(("text", "change"), [(RENAMED, "cents: BIGINT -> gone"), (RETYPED, "cents: BIGINT -> VARCHAR")])
def test_a_breaking_change_stops_every_load(text: str, change: str, example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Refused twice, not only the first time, and the table is as it was."""
    load(example, instance, HEADER)
    runs = [load(example, instance, text) for _ in range(2)]
    assert [run.errors["orders"].endswith(f"columns changed: {change}") for run in runs] == [True, True]
    with duckdb.connect("shop_data.duckdb") as database:
        assert database.sql("SELECT cents FROM orders").fetchall() == [(900,)]


def test_an_accepted_change_is_the_new_standard(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Accepted by run config once, recorded as a change, and no difference any more."""
    load(example, instance, HEADER)
    runs = [load(example, instance, RENAMED, accept_changes=True), load(example, instance, RENAMED)]
    changes = [run.metadata["orders"]["column_changes"] for run in runs]
    assert changes == [["cents: BIGINT -> gone", "amount: new, BIGINT"], []]


def test_a_new_column_is_recorded(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """It breaks nobody; the run says that it came."""
    load(example, instance, HEADER)
    assert load(example, instance, MORE).metadata["orders"]["column_changes"] == ["note: new, VARCHAR"]


def test_the_built_in_check_forgets_after_one_run(instance: dg.DagsterInstance) -> None:
    """It compares the two newest materializations: red once, green at the next run, and nothing was stopped."""

    def orders(kind: str) -> list:
        schema = dg.TableSchema([dg.TableColumn("cents", kind)])
        made = dg.asset(lambda: dg.MaterializeResult(metadata={"dagster/column_schema": schema}), name="orders")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            checks = dg.build_column_schema_change_checks(assets=["orders"], severity=dg.AssetCheckSeverity.ERROR)
        return [made, *checks]

    runs = [run_assets(orders(kind), instance) for kind in ("BIGINT", "VARCHAR", "VARCHAR")]
    outcomes = [(run.status, run.checks["orders:column_schema_change"].passed) for run in runs]
    assert outcomes == [("SUCCESS", True), ("SUCCESS", False), ("SUCCESS", True)]
