"""A changed contract is named before anything runs; what an accepted contract says stands on the assets."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import duckdb
import pytest
from pydantic import ValidationError
from run_assets import run_assets

Change = Callable[[dict[str, Any]], Any]
CONTRACT = Path(__file__).with_name("contract.json")


def changed(folder: Path, change: Change) -> Path:
    """A copy of the accepted contract with a change."""
    contract = json.loads(CONTRACT.read_text())
    change(contract)
    path = folder / "new_contract.json"
    path.write_text(json.dumps(contract))
    return path


def read(example: ModuleType, folder: Path, change: Change, accepted: Path | None = CONTRACT) -> Any:
    return example.read_contract(changed(folder, change), accepted=accepted)


def orders(contract: dict[str, Any]) -> dict[str, Any]:
    return contract["tables"][0]


BREAKING = {
    "column raw.orders.email is gone": lambda contract: orders(contract)["columns"].pop(1),
    "column raw.orders.day was DATE, is VARCHAR": lambda contract: orders(contract)["columns"][2].update(type="VARCHAR"),
    "column raw.orders.order_id may now be null": lambda contract: orders(contract)["columns"][0].pop("nullable"),
    "column raw.orders.email is no longer classified as personal": lambda contract: orders(contract)["columns"][1].pop(
        "classification"
    ),
    "table marts.daily_revenue is gone": lambda contract: contract["tables"].pop(1),
}
INVALID = {
    "reads raw.orders.cents, which is not in the contract": lambda contract: orders(contract)["columns"].pop(3),
    "no target 'marts'": lambda contract: contract["targets"].pop("marts"),
    "String should match pattern": lambda contract: contract.update(version="2.0"),
    "Extra inputs are not permitted": lambda contract: orders(contract)["columns"][1].update(classificaton="personal"),
}


@pytest.mark.parametrize("message", BREAKING)
def test_a_breaking_change_is_named(message: str, example: ModuleType, tmp_path: Path) -> None:
    """What the accepted contract promised and the new one does not keep stands in the error."""
    with pytest.raises(ValueError, match=message) as raised:
        read(example, tmp_path, BREAKING[message])
    assert type(raised.value).__name__ == "ContractBroken"


@pytest.mark.parametrize("message", INVALID)
def test_an_invalid_contract_is_refused(message: str, example: ModuleType, tmp_path: Path) -> None:
    """A column that a table reads, a target, a version this code does not know, a misspelt field: each fails alone."""
    with pytest.raises(ValidationError, match=message):
        read(example, tmp_path, INVALID[message], accepted=None)


def test_a_new_column_breaks_nobody(example: ModuleType, tmp_path: Path) -> None:
    """Columns and minor versions may be added."""
    note = {"name": "note", "type": "VARCHAR"}
    contract = read(example, tmp_path, lambda it: (orders(it)["columns"].append(note), it.update(version="1.3")))
    assert contract.version == "1.3"


def test_a_broken_contract_stops_the_code_location(example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can run: loading the definitions is what fails."""
    path = changed(tmp_path, BREAKING["column raw.orders.email is gone"])
    monkeypatch.setenv("SHOP_CONTRACT", str(path))
    with pytest.raises(ValueError, match="email is gone"):
        example.__spec__.loader.exec_module(example)


def test_the_contract_stands_on_the_assets(example: ModuleType) -> None:
    """Owner, group, classification, lineage and columns are those of the contract, and selections find them."""
    graph = example.defs.resolve_asset_graph()
    node = graph.get(dg.AssetKey(["raw", "orders"]))
    columns = node.metadata["dagster/column_schema"].columns
    assert (node.owners, node.group_name, node.metadata["contract_version"]) == (["team:shop-data"], "raw", "1.2")
    assert [column.name for column in columns if column.tags["classification"] == "personal"] == ["email"]
    personal = dg.AssetSelection.from_string("tag:classification=personal").resolve(graph)
    assert personal == {dg.AssetKey(["raw", "orders"])}
    assert graph.get(dg.AssetKey(["marts", "daily_revenue"])).parent_keys == {dg.AssetKey(["raw", "orders"])}


def test_every_table_lies_in_its_target(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Targets have become resources: each table is in its target's schema, with the contract's columns."""
    run = run_assets(example.defs, instance)
    assert {name: check.passed for name, check in run.checks.items()} == {
        "raw/orders:columns_are_those_of_the_contract": True,
        "marts/daily_revenue:columns_are_those_of_the_contract": True,
    }
    with duckdb.connect("shop_data.duckdb") as database:
        tables = database.sql("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
    assert tables == [("marts", "daily_revenue"), ("raw", "orders")]


def test_a_table_unlike_its_contract_stops_what_reads_it(
    example: ModuleType, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """The data says otherwise than the contract: the check is blocking, the reader of the table never starts."""
    contract = read(example, tmp_path, lambda it: orders(it)["columns"][3].update(type="DECIMAL(9,2)"), accepted=None)
    run = run_assets(example.definitions_of(contract), instance)
    assert (run.status, run.steps["marts__daily_revenue"]) == ("FAILURE", "not started")
    check = run.checks["raw/orders:columns_are_those_of_the_contract"]
    assert (check.passed, "('cents', 'INTEGER')" in check.metadata["found"]) == (False, True)
