"""What a manifest leaves out of the graph, and what dagster-dbt takes from the environment; no dbt process is started."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.testing import create_defs_folder_sandbox
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    DbtProjectComponent,
    dbt_assets,
)
from dagster_dbt.errors import DagsterDbtManifestNotFoundError
from pydantic import ValidationError

DBT = Path(sys.executable).with_name("dbt")
REPLICA = {"dagster": {"asset_key": ["shop_replica"]}}


def node(kind: str, name: str, depends_on: Sequence[str] = (), meta: dict[str, Any] | None = None) -> dict[str, Any]:
    """A model, test or source as dbt writes it into its manifest, with the keys that dagster-dbt reads."""
    return {
        "unique_id": f"{kind}.shop.{name}",
        "resource_type": kind,
        "name": name,
        "package_name": "shop",
        "source_name": "raw",
        "schema": "main",
        "original_file_path": f"models/{name}.sql",
        "fqn": ["shop", name],
        "tags": [],
        "columns": {},
        "description": "",
        "config": {"materialized": "table", "severity": "ERROR", "enabled": True, "meta": meta or {}},
        "meta": meta or {},
        "depends_on": {"nodes": list(depends_on)},
    }


def manifest(*nodes: dict[str, Any]) -> dict[str, Any]:
    """A manifest of these nodes and nothing else."""
    by_id = {one["unique_id"]: one for one in nodes}
    sources = {name: one for name, one in by_id.items() if one["resource_type"] == "source"}
    empty = ("metrics", "exposures", "groups", "semantic_models", "saved_queries", "unit_tests", "selectors", "macros")
    return {
        "metadata": {"project_name": "shop", "adapter_type": "duckdb"},
        "nodes": {name: one for name, one in by_id.items() if name not in sources},
        "sources": sources,
        "parent_map": {name: one["depends_on"]["nodes"] for name, one in by_id.items()},
        "child_map": {name: [each for each, one in by_id.items() if name in one["depends_on"]["nodes"]] for name in by_id},
        **{name: {} for name in empty},
    }


def models_of(found: dict[str, Any] | Path, **settings: bool) -> dg.AssetsDefinition:
    """The assets that the decorator makes of a manifest."""

    @dbt_assets(manifest=found, dagster_dbt_translator=DagsterDbtTranslator(DagsterDbtTranslatorSettings(**settings)))
    def models(): ...

    return models


@pytest.fixture
def project_dir(tmp_path: Path) -> Path:
    """A dbt project with its profile in a folder beside it."""
    for name, text in {"shop/dbt_project.yml": "name: shop\n", "login/profiles.yml": "shop: {}\n"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return tmp_path / "shop"


def test_trap_a_singular_test_of_two_models_is_no_check() -> None:
    """Silent: it is in no graph until its meta names the model that it belongs to."""
    orders = node("model", "orders")
    totals = node("model", "totals", [orders["unique_id"]])
    both = [orders["unique_id"], totals["unique_id"]]
    unnamed = node("test", "sums_agree", both)
    named = node("test", "sums_agree", both, meta={"dagster": {"ref": {"name": "totals"}}})
    found = [list(models_of(manifest(orders, totals, test)).check_keys) for test in (unnamed, named)]
    assert found == [[], [dg.AssetCheckKey(dg.AssetKey("totals"), "sums_agree")]]


def test_trap_sources_of_one_asset_key_do_not_load() -> None:
    """Two tables that one asset fills are refused, unless the setting allows it; models of one key are never allowed."""
    sources = [node("source", name, meta=REPLICA) for name in ("orders", "lines")]
    totals = node("model", "totals", [source["unique_id"] for source in sources])
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="identical Dagster asset keys"):
        models_of(manifest(*sources, totals))
    allowed = models_of(manifest(*sources, totals), enable_duplicate_source_asset_keys=True)
    assert allowed.asset_deps == {dg.AssetKey("totals"): {dg.AssetKey("shop_replica")}}
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="identical Dagster asset keys"):
        models_of(
            manifest(node("model", "orders", meta=REPLICA), node("model", "lines", meta=REPLICA)),
            enable_duplicate_source_asset_keys=True,
        )


def test_trap_a_manifest_is_used_however_old(project_dir: Path) -> None:
    """Silent: a model that was added since the manifest was built has no asset; a manifest built anew has it."""
    orders, totals = node("model", "orders"), node("model", "totals")
    (project_dir / "models").mkdir()
    for name in ("orders", "totals"):
        (project_dir / "models" / f"{name}.sql").write_text("select 1")
    found = {}
    for target, built in {"old": manifest(orders), "new": manifest(orders, totals)}.items():
        project = DbtProject(project_dir, target_path=target)
        project.manifest_path.parent.mkdir()
        project.manifest_path.write_text(json.dumps(built))
        project.prepare_if_dev()
        found[target] = sorted(key.to_user_string() for key in models_of(project.manifest_path).keys)
    assert found == {"old": ["orders"], "new": ["orders", "totals"]}


def test_trap_a_dbt_project_ignores_the_variable_of_the_profiles(project_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DBT_PROFILES_DIR counts for a path as text, not for a DbtProject, which looks into its own folder or `profiles_dir=`."""
    login = project_dir.with_name("login")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(login))
    with pytest.raises(ValidationError, match=r"shop does not contain a profiles.yml"):
        DbtCliResource(DbtProject(project_dir), dbt_executable=DBT)
    assert DbtCliResource(str(project_dir), dbt_executable=DBT).profiles_dir is None  # left to dbt, which reads the variable
    assert DbtCliResource(DbtProject(project_dir, profiles_dir=login), dbt_executable=DBT).profiles_dir == str(login)


def test_trap_preparing_a_project_looks_for_dbt_on_path(project_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without activation it is not found; the resource takes an executable, the preparer does not."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    project = DbtProject(project_dir, profiles_dir=project_dir.with_name("login"))
    with pytest.raises(ValidationError, match=r"'dbt' was not found on PATH"):
        project.preparer.prepare(project)
    assert DbtCliResource(project, dbt_executable=DBT).dbt_executable == str(DBT)


def component_assets(project_dir: Path) -> list[str]:
    """What a defs.yaml over the project gives when Python loads it, not `dg`."""
    contents = {"type": "dagster_dbt.DbtProjectComponent", "attributes": {"project": str(project_dir)}}
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(component_cls=DbtProjectComponent, defs_yaml_contents=contents)
        with sandbox.load_component_and_build_defs(defs_path=path) as (_, defs):
            return [spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()]


def test_trap_the_component_builds_no_manifest_outside_dg(project_dir: Path) -> None:
    """The load fails, with the reason in the cause; with a manifest in the project it passes."""
    (project_dir / "profiles.yml").write_text("shop: {}\n")
    with pytest.raises(ComponentTreeException) as refused:
        component_assets(project_dir)
    assert isinstance(refused.value.__cause__, DagsterDbtManifestNotFoundError)
    (project_dir / "target").mkdir()
    (project_dir / "target" / "manifest.json").write_text(json.dumps(manifest(node("model", "orders"))))
    assert component_assets(project_dir) == ["orders"]
