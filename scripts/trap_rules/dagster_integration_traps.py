"""Traps between Dagster, dbt and dlt, each a small function over the loaded code location."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .dagster_loaded import Loaded, words
from .model import Trap
from .sources import calls_in, keyword_of

_MANIFEST, _TRANSLATOR = "dagster_dbt/manifest", "dagster_dbt/dagster_dbt_translator"
_SOURCE, _PIPELINE = "dagster_dlt/source", "dagster_dlt/pipeline"


def source_without_asset(loaded: Loaded) -> Iterator[Trap]:
    """dbt's source and dlt's table are one table and two keys: nothing makes the models wait for the load."""
    tables = dict(_dlt_tables(loaded))
    for asset, manifest in _dbt_assets(loaded):
        known = set(loaded.repository.assets_defs_by_key)
        waited_for = {key for spec in asset.specs for key in (dependency.asset_key for dependency in spec.deps)}
        for source in manifest["sources"].values():
            table = (source.get("schema"), source.get("identifier") or source["name"])
            maker = tables.get(table)
            key_of_source = _key_of_source(asset, manifest, source)
            if maker is not None and key_of_source in waited_for - known and not waited_for & {maker}:
                subject = f"dbt source {source['source_name']}.{source['name']}, loaded by dlt asset {words(maker)},"
                yield from loaded.of_function(asset, subject)


def _key_of_source(asset: Any, manifest: Any, source: Any) -> Any:
    """The key that the project's translator gives to a source."""
    translator = next(spec.metadata[_TRANSLATOR] for spec in asset.specs)
    return translator.get_asset_spec(manifest, source["unique_id"], None).key


def _dlt_tables(loaded: Loaded) -> Iterator[tuple[tuple[str, str], Any]]:
    """(dataset, table) of what each dlt asset loads, with the asset's key."""
    for asset in loaded.assets:
        for spec in asset.specs:
            name = str(spec.metadata.get("dagster/table_name", "")).split(".")[-1]
            if _SOURCE in spec.metadata and name:
                yield (spec.metadata[_PIPELINE].dataset_name, name), spec.key


def _dbt_assets(loaded: Loaded) -> Iterator[tuple[Any, Any]]:
    for asset in loaded.assets:
        holder = next((spec.metadata[_MANIFEST] for spec in asset.specs if _MANIFEST in spec.metadata), None)
        if holder is not None:
            yield asset, holder.manifest


def source_tests_without_check(loaded: Loaded) -> Iterator[Trap]:
    """Tests on sources run with dbt, and are no checks unless the translator's settings say so."""
    for asset, manifest in _dbt_assets(loaded):
        settings = next(spec.metadata[_TRANSLATOR] for spec in asset.specs).settings
        tested = sorted({parent for node in manifest["nodes"].values() for parent in _tested_source(node)})
        if tested and not settings.enable_source_tests_as_checks:
            names = ", ".join(parent.split(".", 2)[-1] for parent in tested)
            yield from loaded.of_function(asset, f"dbt tests on source {names}")


def _tested_source(node: Any) -> list[str]:
    parents = node.get("depends_on", {}).get("nodes", [])
    is_about_source = node["resource_type"] == "test" and len(parents) == 1 and parents[0].startswith("source.")
    return list(parents) if is_about_source else []


def append_on_every_run(loaded: Loaded) -> Iterator[Trap]:
    """dlt appends unless told otherwise: without an incremental cursor each run adds every row again."""
    for asset in loaded.assets:
        source = next((spec.metadata[_SOURCE] for spec in asset.specs if _SOURCE in spec.metadata), None)
        node = loaded.node_of(asset)
        if source is None or (node and any(keyword_of(call, "write_disposition") for call in calls_in(node))):
            continue
        for name, resource in source.selected_resources.items():
            if resource.write_disposition == "append" and resource.incremental is None:
                yield from loaded.of_function(asset, f"dlt resource {name}")
