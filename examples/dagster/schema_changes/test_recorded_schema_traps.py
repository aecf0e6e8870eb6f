"""Where a recorded schema stands, and what Dagster's own check says of it."""

import warnings

import dagster as dg
import pytest
from run_assets import run_assets

SCHEMA = "dagster/column_schema"
CENTS, NOTE = dg.TableColumn("cents", "BIGINT"), dg.TableColumn("note", "VARCHAR")


def orders(*columns: dg.TableColumn, key: str = SCHEMA) -> list:
    """Orders that record these columns, with Dagster's own check."""
    schema = dg.TableSchema(list(columns))
    made = dg.asset(lambda: dg.MaterializeResult(metadata={key: schema}), name="orders", metadata={key: schema})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [made, *dg.build_column_schema_change_checks(assets=["orders"])]


def passed(instance: dg.DagsterInstance, *sources: list) -> list[bool]:
    """The outcome of the check after each of these runs."""
    return [run_assets(source, instance).checks["orders:column_schema_change"].passed for source in sources]


def test_trap_a_new_column_fails_the_built_in_check(instance: dg.DagsterInstance) -> None:
    """What breaks nobody is red as well; the same columns are green."""
    assert passed(instance, orders(CENTS), orders(CENTS), orders(CENTS, NOTE)) == [True, True, False]


@pytest.mark.parametrize(("key", "outcome"), [("columns", False), (SCHEMA, True)])
def test_trap_a_schema_under_another_key_is_not_seen(instance: dg.DagsterInstance, key: str, outcome: bool) -> None:
    """Silent for the run: the check finds no schema and fails, though nothing has changed."""
    assert passed(instance, orders(CENTS, key=key), orders(CENTS, key=key)) == [True, outcome]


def test_trap_a_recorded_schema_is_one_level_deeper(instance: dg.DagsterInstance) -> None:
    """The materialization's entry has the schema inside, the definition's is the schema."""
    source = orders(CENTS)
    run_assets(source, instance)
    event = instance.get_latest_materialization_event(dg.AssetKey("orders"))
    assert event and event.asset_materialization
    recorded = event.asset_materialization.metadata[SCHEMA]
    defined = dg.Definitions(source[:1]).resolve_asset_graph().get(dg.AssetKey("orders")).metadata[SCHEMA]
    assert (recorded.schema.columns, defined.columns) == ([CENTS], [CENTS])
    assert [hasattr(entry, "columns") for entry in (recorded, defined)] == [False, True]
