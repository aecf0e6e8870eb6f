"""Models become connected assets, tests become checks that gate, and a run by day touches that day alone."""

import shutil
from pathlib import Path
from types import ModuleType

import dagster as dg
import duckdb
import pytest
import yaml
from code_location import load_definitions_file
from dagster.components.testing.utils import create_defs_folder_sandbox
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, DbtProjectComponent, dbt_assets
from dagster_dbt.errors import DagsterDbtManifestNotFoundError
from run_assets import run_assets

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow
STAGED, VALUED = dg.AssetKey(["staging", "stg_orders"]), dg.AssetKey(["marts", "order_values"])
SOURCE, REVENUE = dg.AssetKey(["raw_shop", "orders"]), dg.AssetKey(["marts", "daily_revenue"])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target folder with the manifest, parsed once, as a build of an image does it."""
    target = tmp_path_factory.mktemp("target")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(target)
        patch.setenv("DBT_TARGET_PATH", str(target))
        patch.setenv("SHOP_DATABASE", str(target / "unused.duckdb"))
        load_definitions_file(HERE / "definitions.py")
    return target


@pytest.fixture
def shop(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The definitions over a database and landed files of this test's own."""
    shutil.copytree(HERE / "dbt_shop" / "landing", tmp_path / "landing")
    for name, value in {"DBT_TARGET_PATH": prepared, "SHOP_DATABASE": tmp_path / "shop_data.duckdb"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("SHOP_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no activated environment
    return load_definitions_file(HERE / "definitions.py")


def revenue(database: Path) -> dict[str, float]:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.sql("SELECT day, revenue FROM main_marts.daily_revenue ORDER BY day").fetchall()
    return {f"{day:%d}": float(amount) for day, amount in rows}


def test_models_hang_together_and_tests_are_checks(shop: ModuleType) -> None:
    """The graph follows `ref` and `source`; a test of severity error gates, one of severity warn does not."""
    graph = shop.defs.resolve_asset_graph()
    assert [graph.get(key).parent_keys for key in (REVENUE, STAGED)] == [{VALUED}, {SOURCE}]
    assert {graph.get(key).group_name for key in (STAGED, REVENUE)} == {"staging", "marts"}
    checks = {key.name: graph.get(key).blocking for key in graph.get_check_keys_for_assets({SOURCE, REVENUE})}
    assert checks == {
        "source_not_null_raw_shop_orders_order_id": True,
        "source_unique_raw_shop_orders_order_id": True,
        "no_negative_revenue": True,
        "not_null_daily_revenue_day": True,
        "not_null_daily_revenue_revenue": False,
        "unique_daily_revenue_day": True,
    }
    assert {key.path[-1] for key in shop.staging.resolve(graph)} == {"stg_orders", "stg_products"}


def test_without_the_setting_tests_of_sources_are_no_checks(shop: ModuleType) -> None:
    """Silent: the default translator drops them from the graph; they then only make observations."""

    @dbt_assets(manifest=shop.project.manifest_path, dagster_dbt_translator=DagsterDbtTranslator())
    def models(): ...

    assert [key.name for key in models.check_keys if key.asset_key == SOURCE] == []


def test_one_day_is_replaced_and_the_others_stay(shop: ModuleType, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A range is one run that marks each day; a corrected file changes only the day that is loaded again."""
    whole = run_assets(shop.defs, instance, [shop.whole_tables])
    assert (whole.status, len(whole.checks)) == ("SUCCESS", 13)
    days = run_assets(shop.defs, instance, [shop.tables_by_day], partition=("2026-01-01", "2026-01-03"))
    assert days.partitions == {"marts/daily_revenue": ["2026-01-01", "2026-01-02", "2026-01-03"]}
    before = revenue(tmp_path / "shop_data.duckdb")
    for day in ("01", "02"):
        file = tmp_path / "landing" / f"orders_2026-01-{day}.csv"
        file.write_text(file.read_text().replace("paid", "cancelled", 1))  # the first order of each
    again = run_assets(shop.defs, instance, [VALUED, REVENUE], partition="2026-01-02")
    assert (again.status, before) == ("SUCCESS", {"01": 58.0, "02": 52.0, "03": 95.0})
    assert revenue(tmp_path / "shop_data.duckdb") == {"01": 58.0, "02": 9.5, "03": 95.0}


def test_a_failed_test_stops_what_follows(shop: ModuleType, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """An order that landed twice fails the source's check; no model after it is materialized."""
    shutil.copy(tmp_path / "landing" / "orders_2026-01-01.csv", tmp_path / "landing" / "orders_again.csv")
    run = run_assets(shop.defs, instance, [shop.whole_tables])
    failed = [name for name, check in run.checks.items() if not check.passed]
    assert (run.steps, failed) == ({"whole_tables": "failure"}, ["raw_shop/orders:source_unique_raw_shop_orders_order_id"])
    assert set(run.metadata) == {"reference/products", "staging/stg_products"}


def test_fetch_row_counts_keeps_the_file_locked(shop: ModuleType, instance: dg.DagsterInstance) -> None:
    """Counting through dbt's adapter leaves the file open in Dagster's process: the next dbt in the run cannot write."""

    @dbt_assets(name="counted", exclude="tag:daily", **shop.SHARED)
    def counted(context: dg.AssetExecutionContext, dbt: DbtCliResource):
        yield from dbt.cli(["build"], context=context).stream().fetch_row_counts()

    @dbt_assets(name="after_it", select="tag:daily", **shop.SHARED)
    def after_it(context: dg.AssetExecutionContext, dbt: DbtCliResource):
        yield from dbt.cli(["run"], context=context).stream()

    run = run_assets(dg.Definitions([counted, after_it], resources=shop.defs.resources), instance)
    assert (run.steps["after_it"], "Could not set lock on file" in run.errors["after_it"]) == ("failure", True)


def test_prepare_if_dev_does_nothing_in_deployment(tmp_path: Path) -> None:
    """Outside `dg` it builds no manifest, and the decorator says so at import."""
    project = DbtProject((HERE / "dbt_shop").resolve(), target_path=tmp_path)
    project.prepare_if_dev()
    with pytest.raises(DagsterDbtManifestNotFoundError, match=r"manifest.json does not exist"):
        dbt_assets(manifest=project.manifest_path)


def test_the_component_defines_the_same_partitioned_asset(
    shop: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    """defs.yaml gives the key, parents, checks and partitions of `tables_by_day`, and runs one day."""
    monkeypatch.setenv("SHOP_DBT_PROJECT", str((HERE / "dbt_shop").resolve()))
    monkeypatch.setenv("DAGSTER_IS_DEV_CLI", "1")  # as `dg` sets it: the component builds its state
    contents = yaml.safe_load((HERE / "component" / "defs.yaml").read_text())
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(component_cls=DbtProjectComponent, defs_yaml_contents=contents)
        with sandbox.load_component_and_build_defs(defs_path=path) as (_, component):
            found = component.resolve_asset_graph().get(REVENUE)
            run = run_assets(shop.defs, instance, [shop.whole_tables])
            run = run_assets(component, instance, [REVENUE], partition="2026-01-03")
    assert (found.parent_keys, found.partitions_def, found.owners) == ({VALUED}, shop.DAYS, ["team:shop-data"])
    assert (run.status, revenue(tmp_path / "shop_data.duckdb")) == ("SUCCESS", {"03": 95.0})
