"""The contract as dbt properties: owner, version and classifications are written once, and dbt and Dagster read them.

Run: python contract_to_dbt.py contract.json marts > models/contract.yml, before `dbt parse`
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster_dbt import DagsterDbtTranslator
from shop_contract import Column, Contract, Table, read_contract


def models_yaml(contract: Contract, target: str) -> str:
    """The properties file of every table of a target: `dbt build` refuses a model whose columns are not these."""
    models = [model_of(table, contract.version) for table in contract.tables if table.target == target]
    return yaml.safe_dump({"version": 2, "models": models}, sort_keys=False)


def model_of(table: Table, version: str) -> dict[str, Any]:
    """One model. `meta.dagster` is read by dagster-dbt itself, the rest of `meta` by the translator below."""
    meta = {
        "classification": classification_of(table),
        "contract_version": version,
        "dagster": {"asset_key": list(table.key), "group": table.target, "owners": [table.owner]},
    }
    config = {"contract": {"enforced": True}, "meta": meta}
    return {"name": table.key[-1], "config": config, "columns": [column_of(column) for column in table.columns]}


def column_of(column: Column) -> dict[str, Any]:
    """Type and nullability are part of dbt's own contract, the classification is meta."""
    found = {"name": column.name, "data_type": column.type, "config": {"meta": {"classification": column.classification}}}
    return found if column.nullable else {**found, "constraints": [{"type": "not_null"}]}


def classification_of(table: Table) -> str:
    """A table is as personal as its most personal column."""
    return "personal" if any(column.classification == "personal" for column in table.columns) else "public"


class ContractTranslator(DagsterDbtTranslator):
    """Puts the classification where selections find it: `tag:classification=personal`."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        meta = manifest["nodes"].get(unique_id, {}).get("config", {}).get("meta", {})
        if "classification" not in meta:
            return spec
        facts = {"contract_version": meta["contract_version"]}
        return spec.merge_attributes(tags={"classification": meta["classification"]}, metadata=facts)


def differences(contract: Contract, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Where dbt's manifest says something else than the contract: for a properties file that is written by hand."""
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    for table in (table for table in contract.tables if table.key[-1] in models):
        model, name = models[table.key[-1]], ".".join(table.key)
        if (found := model["config"]["meta"].get("classification")) != (wanted := classification_of(table)):
            yield f"{name}: classification {found!r} in dbt, {wanted!r} in the contract"
        for column in table.columns:
            said = model["columns"].get(column.name, {}).get("config", {}).get("meta", {}).get("classification")
            if said != column.classification:
                yield f"{name}.{column.name}: classification {said!r} in dbt, {column.classification!r} in the contract"


if __name__ == "__main__":
    path, target = sys.argv[1:3]
    sys.stdout.write(models_yaml(read_contract(Path(path)), target))
