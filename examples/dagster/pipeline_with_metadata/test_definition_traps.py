"""Definitions that look as they should: annotations that become text, kinds that are none, values that are copies."""

from typing import Any

import dagster as dg
import pytest
from run_assets import run_assets

FUTURE = "from __future__ import annotations\n"
MODULE = """
import dagster as dg

class Orders(dg.Config):
    limit: int = 1

class Shop(dg.ConfigurableResource):
    name: str = "bern"

@dg.asset
def orders({parameter}) -> None: ...
"""


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("context: dg.AssetExecutionContext", "Cannot annotate `context` parameter"),
        ("config: Orders", "Unable to resolve config type 'Orders'"),
        ("shop: Shop", None),
    ],
)
def test_trap_postponed_annotations_are_not_resolved(parameter: str, message: str | None) -> None:
    """With the future import the module does not load, and the error blames the type; a resource is found all the same."""

    def load(source: str) -> Any:
        exec(compile(source.format(parameter=parameter), "orders", "exec", dont_inherit=True), names := {"__name__": "orders"})
        return names["orders"]

    assert load(MODULE).key == dg.AssetKey("orders")
    if message is None:
        assert load(FUTURE + MODULE).key == dg.AssetKey("orders")
    else:
        with pytest.raises(dg.DagsterError, match=message):
            load(FUTURE + MODULE)


def test_trap_a_compute_kind_is_no_kind() -> None:
    """Silent: the asset has no kind and a selection leaves it out."""
    old, new = (
        dg.asset(lambda: None, name=name, **how)
        for name, how in (("old", {"compute_kind": "duckdb"}), ("new", {"kinds": {"duckdb"}}))
    )
    assert [next(iter(made.specs)).kinds for made in (old, new)] == [set(), {"duckdb"}]
    assert dg.AssetSelection.from_string("kind:duckdb").resolve([old, new]) == {new.key}


@pytest.mark.parametrize(("value", "status"), [({}, "FAILURE"), ({"value": [450]}, "SUCCESS")], ids=["metadata only", "value"])
def test_trap_a_result_without_value_stores_nothing(instance: dg.DagsterInstance, value: dict[str, Any], status: str) -> None:
    """The reader defines fine and fails at run, with the name of a file that nobody wrote."""
    orders = dg.asset(lambda: dg.MaterializeResult(**value, metadata={"dagster/row_count": 1}), name="orders")
    run = run_assets([orders, dg.asset(lambda orders: None, name="reader")], instance)
    assert (run.status, "FileNotFoundError" in run.errors.get("reader", "")) == (status, status == "FAILURE")


@pytest.mark.parametrize(("made", "status"), [("3 orders", "FAILURE"), (3, "SUCCESS")])
def test_trap_an_annotation_is_checked_when_the_asset_runs(instance: dg.DagsterInstance, made: Any, status: str) -> None:
    """The type is no comment: a value of another one fails the step after its work is done."""

    @dg.asset
    def count() -> int:
        return made

    run = run_assets([count], instance)
    assert (run.status, "DagsterTypeCheckDidNotPass" in run.errors.get("count", "")) == (status, status == "FAILURE")
