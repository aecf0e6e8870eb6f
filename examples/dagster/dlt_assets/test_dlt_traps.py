"""Loads that are green and wrong, and metadata that says less than it seems to; each case is one small load into DuckDB."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
import duckdb
import pytest
from dagster._utils.warnings import SupersessionWarning
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from finished_run import FinishedRun
from run_assets import run_assets

pytestmark = pytest.mark.slow
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-04")
RESOURCES = {name: DagsterDltResource() for name in ("dlt_resource", "dlt")}
ORDERS = "dlt_shop_orders"


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dlt.Pipeline:
    """A pipeline that writes into this test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt_data"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    destination = dlt.destinations.duckdb(str(tmp_path / "shop_data.duckdb"))
    return dlt.pipeline("shop", pipelines_dir=str(tmp_path / "pipelines"), destination=destination, dataset_name="raw_shop")


def shop_source(rows: list[dict[str, Any]] | None = None, names: tuple[str, ...] = ("orders",), **hints: Any) -> Any:
    """A source with a resource for each name, all of the same rows."""
    found = rows if rows is not None else [{"order_id": 1}, {"order_id": 2}]

    @dlt.source(name="shop")
    def shop() -> Any:
        return [dlt.resource(lambda: iter(found), name=name, **hints) for name in names]

    return shop()


def load_assets(pipeline: dlt.Pipeline, make: Callable[[], Any] = shop_source, count: bool = False, **how: Any) -> dg.Definitions:
    """Assets that load what `make` returns, by a new source for each run."""

    @dlt_assets(dlt_source=make(), dlt_pipeline=pipeline, name="load", **how)
    def load(context: dg.AssetExecutionContext, dlt_resource: DagsterDltResource) -> Iterator[Any]:
        results = dlt_resource.run(context=context, dlt_source=make())
        yield from results.fetch_row_count() if count else results

    return dg.Definitions([load], resources=RESOURCES)


def loaded(query: str = "FROM raw_shop.orders SELECT count(*)") -> list[tuple[Any, ...]]:
    with duckdb.connect("shop_data.duckdb", read_only=True) as database:
        return database.sql(query).fetchall()


@pytest.mark.parametrize(
    ("hints", "rows"), [({}, 4), ({"write_disposition": "merge", "primary_key": "order_id"}, 2)], ids=["append", "merge"]
)
def test_trap_a_second_run_appends(
    pipeline: dlt.Pipeline, instance: dg.DagsterInstance, hints: dict[str, Any], rows: int
) -> None:
    """Silent: without a write disposition the same two orders are four after two runs; merged by key they stay two."""
    defs = load_assets(pipeline, lambda: shop_source(**hints))
    assert [run_assets(defs, instance).status for _ in range(2)] == ["SUCCESS", "SUCCESS"]
    assert loaded() == [(rows,)]


@pytest.mark.parametrize(("key", "left"), [({"primary_key": "order_id"}, [1, 2]), ({"merge_key": "day"}, [2])])
def test_trap_a_primary_key_keeps_what_was_withdrawn(
    pipeline: dlt.Pipeline, instance: dg.DagsterInstance, key: dict[str, Any], left: list[int]
) -> None:
    """Silent: the API no longer has order 1 of that day; merged by the day it goes, by its own key it stays."""
    rows = [{"order_id": number, "day": "2026-01-01"} for number in (1, 2)]
    defs = load_assets(pipeline, lambda: shop_source(rows, write_disposition="merge", **key))
    run_assets(defs, instance)
    del rows[0]
    run_assets(defs, instance)
    assert [number for [number] in loaded("FROM raw_shop.orders SELECT order_id ORDER BY ALL")] == left


def test_trap_a_body_without_yield_loads_nothing(pipeline: dlt.Pipeline, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Silent with one resource: the run is green, the asset materialized, the database not even made. Two resources fail."""
    found = []
    for names in (("orders",), ("orders", "customers")):

        @dlt_assets(dlt_source=shop_source(names=names), dlt_pipeline=pipeline, name="load")
        def load(context: dg.AssetExecutionContext, dlt_resource: DagsterDltResource):
            dlt_resource.run(context=context, dlt_source=shop_source())

        found.append(run_assets(dg.Definitions([load], resources=RESOURCES), instance))
    assert [run.status for run in found] == ["SUCCESS", "FAILURE"]
    assert (found[0].metadata, (tmp_path / "shop_data.duckdb").exists()) == ({ORDERS: {}}, False)
    assert "has multiple outputs" in found[1].errors["load"]
    assert run_assets(load_assets(pipeline), instance).metadata[ORDERS]["rows_loaded"] == 2


def test_trap_a_parameter_named_dlt_hides_the_module(pipeline: dlt.Pipeline, instance: dg.DagsterInstance) -> None:
    """It defines fine; only a body that uses the module fails."""

    @dlt_assets(dlt_source=shop_source(), dlt_pipeline=pipeline, name="load")
    def load(context: dg.AssetExecutionContext, dlt: DagsterDltResource) -> Iterator[Any]:
        yield from dlt.run(context=context, dlt_source=dlt.source(shop_source)())

    run = run_assets(dg.Definitions([load], resources=RESOURCES), instance)
    assert run.errors == {"load": "AttributeError: 'DagsterDltResource' object has no attribute 'source'"}


def counts(run: FinishedRun) -> dict[str, Any]:
    """What the run says about rows."""
    return {name: value for name, value in run.metadata[ORDERS].items() if "row" in name}


def test_trap_the_row_count_of_a_partition_is_under_another_name(pipeline: dlt.Pipeline, instance: dg.DagsterInstance) -> None:
    """Rows of this run for one day, rows of the whole table for no day, and again for each day of a range."""
    by_day, whole = load_assets(pipeline, count=True, partitions_def=DAYS), load_assets(pipeline, count=True)
    days = [run_assets(by_day, instance, partition=day) for day in ("2026-01-01", "2026-01-02")]
    assert [counts(run) for run in days] == [{"dagster/partition_row_count": 2, "rows_loaded": 2}] * 2
    in_range = run_assets(by_day, instance, partition=("2026-01-01", "2026-01-03"))
    assert len(in_range.partitions[ORDERS]) == 3
    assert counts(in_range) == {"dagster/row_count": 6, "rows_loaded": 2}
    assert counts(run_assets(whole, instance)) == {"dagster/row_count": 8, "rows_loaded": 2}


def test_trap_the_table_name_names_no_table(pipeline: dlt.Pipeline, instance: dg.DagsterInstance) -> None:
    """It holds dlt's schema where the dataset should be, and is there only for a load that changed the table's columns."""
    runs = [run_assets(load_assets(pipeline), instance) for _ in range(2)]
    assert [run.metadata[ORDERS].get("dagster/table_name") for run in runs] == ["duckdb.shop.orders", None]
    assert [run.metadata[ORDERS]["dataset_name"] for run in runs] == ["raw_shop", "raw_shop"]
    assert loaded("SELECT table_schema FROM information_schema.tables WHERE table_name = 'orders'") == [("raw_shop",)]


@pytest.mark.parametrize(("hints", "tables"), [({}, ["orders", "orders__lines"]), ({"max_table_nesting": 0}, ["orders"])])
def test_trap_a_child_table_is_no_asset(
    pipeline: dlt.Pipeline, instance: dg.DagsterInstance, hints: dict[str, Any], tables: list[str]
) -> None:
    """Silent: a list in a row makes a table that no asset stands for; with max_table_nesting=0 it stays JSON."""
    rows = [{"order_id": 1, "lines": [{"article": "tea"}]}]
    defs = load_assets(pipeline, lambda: shop_source(rows, **hints))
    assert run_assets(defs, instance).status == "SUCCESS"
    names = loaded(
        "SELECT table_name FROM information_schema.tables WHERE table_name NOT LIKE '\\_dlt%' ESCAPE '\\' ORDER BY ALL"
    )
    assert ([name for [name] in names], len(defs.resolve_all_asset_specs())) == (tables, 2)


@pytest.mark.parametrize(("restored", "asked"), [("true", ["2025", "2026"]), ("false", ["2025", "2025"])])
def test_trap_the_cursor_is_lost_with_the_folder_unless_restored(
    pipeline: dlt.Pipeline, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, restored: str, asked: list[str]
) -> None:
    """By default it comes back from the destination; with restore_from_destination=false a new container asks for all again."""
    monkeypatch.setenv("RESTORE_FROM_DESTINATION", restored)
    years: list[str] = []

    @dlt.source(name="shop")
    def shop() -> Any:
        @dlt.resource(primary_key="order_id", write_disposition="merge")
        def orders(updated: Any = dlt.sources.incremental("updated_at", initial_value="2025-01-01")) -> Any:  # noqa: B008
            years.append(updated.last_value[:4])
            yield {"order_id": 1, "updated_at": "2026-01-01"}

        return orders

    for number in range(2):
        fresh = dlt.pipeline(
            "shop",
            pipelines_dir=f"container_{number}",
            destination=dlt.destinations.duckdb("shop_data.duckdb"),
            dataset_name="raw_shop",
        )
        assert run_assets(load_assets(fresh, shop), instance).status == "SUCCESS"
    assert years == asked


def test_trap_the_old_methods_of_a_translator_are_superseded(pipeline: dlt.Pipeline) -> None:
    """`get_asset_key` overridden still sets the key, and warns; `get_asset_spec` does the same without a word."""

    class Old(DagsterDltTranslator):
        def get_asset_key(self, resource: Any) -> dg.AssetKey:
            return dg.AssetKey(["raw_shop", resource.name])

    class New(DagsterDltTranslator):
        def get_asset_spec(self, data: Any) -> dg.AssetSpec:
            return super().get_asset_spec(data).replace_attributes(key=dg.AssetKey(["raw_shop", data.resource.name]))

    with pytest.warns(SupersessionWarning, match="Instead of overriding DagsterDltTranslator.get_asset_key"):
        old = load_assets(pipeline, dagster_dlt_translator=Old())
    with warnings.catch_warnings(action="error", category=SupersessionWarning):
        new = load_assets(pipeline, dagster_dlt_translator=New())
    keys = [defs.resolve_asset_graph().materializable_asset_keys for defs in (old, new)]
    assert keys == [{dg.AssetKey(["raw_shop", "orders"])}] * 2
