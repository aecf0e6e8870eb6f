"""What generated assets share by mistake, and what a contract's words do not reach."""

import dagster as dg
import pytest
from pydantic import BaseModel, ValidationError

PERSONAL = {"classification": "personal"}


@pytest.mark.parametrize("names", [{}, {"orders": "raw/orders"}, {"orders": "raw__orders"}], ids=["none", "slash", "own"])
def test_trap_generated_functions_share_their_name(names: dict[str, str]) -> None:
    """Two `make`s are refused, a key's slash too; `"__".join(key.path)` is a name."""

    def asset_of(table: str) -> dg.AssetsDefinition:
        spec, how = dg.AssetSpec(["raw", table]), {"name": names[table]} if table in names else {}

        @dg.multi_asset(specs=[spec], **how)
        def make() -> None: ...

        return make

    def load() -> None:
        dg.Definitions.validate_loadable(dg.Definitions([asset_of(table) for table in ("orders", "lines")]))

    if names.get("orders") == "raw__orders":
        load()
    else:
        with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"conflicting node definitions|not a valid name"):
            load()


def test_trap_a_selection_sees_no_tags_of_columns() -> None:
    """Silent: a personal column makes no personal asset; the asset's own tag does."""
    columns = {"dagster/column_schema": dg.TableSchema([dg.TableColumn("email", "TEXT", tags=PERSONAL)])}
    by_column = dg.asset(lambda: None, name="by_column", metadata=columns)
    by_asset = dg.asset(lambda: None, name="by_asset", metadata=columns, tags=PERSONAL)
    selected = dg.AssetSelection.from_string("tag:classification=personal").resolve([by_column, by_asset])
    assert selected == {by_asset.key}


@pytest.mark.parametrize("targets", [[], ["warehouse_marts"]])
def test_trap_a_target_is_missed_when_the_location_loads(targets: list[str]) -> None:
    """A resource key that nobody provides stops the load, and is named; a connection made by hand fails in the run."""
    make = dg.multi_asset(specs=[dg.AssetSpec("revenue")], name="make", required_resource_keys={"warehouse_marts"})(lambda: None)
    defs = dg.Definitions([make], resources=dict.fromkeys(targets, "a connection"))
    if targets:
        dg.Definitions.validate_loadable(defs)
    else:
        with pytest.raises(dg.DagsterInvalidDefinitionError, match="'warehouse_marts' required by op 'make' was not provided"):
            dg.Definitions.validate_loadable(defs)


def test_trap_a_misspelt_field_of_a_contract_is_dropped() -> None:
    """Silent: `classificaton` leaves the column unclassified; `extra="forbid"` refuses it."""

    class Loose(BaseModel):
        classification: str = "public"

    class Strict(Loose, extra="forbid"):
        """Takes no other field."""

    text = '{"classificaton": "personal"}'
    assert Loose.model_validate_json(text).classification == "public"
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Strict.model_validate_json(text)
