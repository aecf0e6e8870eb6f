"""A re-run replaces its own partition, a missing one is named, and what each IO manager loses without an error."""

from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest
from dagster_duckdb_pandas import DuckDBPandasIOManager
from run_assets import run_assets, stored_value

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-04")
FIRST, SECOND = "2026-03-01", "2026-03-02"


def table(query: str) -> list[tuple]:
    with duckdb.connect("shop_data.duckdb") as database:
        return database.sql(query).fetchall()


def store(instance: dg.DagsterInstance, rows: dict[str, list], **how: Any) -> None:
    """Store a table `shop.orders` with DuckDB's IO manager; raises what the run raised."""
    metadata = {"partition_expr": "day"}
    orders = dg.asset(
        lambda: pd.DataFrame(rows), name="orders", partitions_def=DAYS if how else None, metadata=metadata, key_prefix="shop"
    )
    run = run_assets([orders], instance, resources={"io_manager": DuckDBPandasIOManager(database="shop_data.duckdb")}, **how)
    assert run.errors == {}


def test_a_second_run_replaces_its_day_only(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Three runs, two of the same day: a row and a file for each day."""
    selection = 'key:orders or key:"shop/revenue"'
    runs = [run_assets(example.defs, instance, selection, partition=day) for day in (FIRST, SECOND, FIRST)]
    assert [run.status for run in runs] == ["SUCCESS"] * 3
    assert table("SELECT day::DATE::VARCHAR, orders, cents FROM shop.revenue ORDER BY ALL") == [
        (FIRST, 2, 1800),
        (SECOND, 1, 450),
    ]
    assert sorted(path.name for path in Path("stored/orders").iterdir()) == [f"{FIRST}.parquet", f"{SECOND}.parquet"]


def test_a_missing_partition_is_named(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """A day whose orders were never stored has no revenue of nothing: the run fails and says which day."""
    run = run_assets(example.defs, instance, 'key:"shop/revenue"', partition=SECOND)
    assert run.errors == {"shop__revenue": f"FileNotFoundError: orders: not stored yet: {SECOND}"}


def test_an_unpartitioned_reader_gets_every_stored_day(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Two of three days are stored: both arrive by key, the third is left out because the input allows it."""
    for day in (FIRST, SECOND):
        run_assets(example.defs, instance, "key:orders", partition=day)
    run = run_assets(example.defs, instance, "key:days_with_orders")
    assert stored_value(example.defs, "days_with_orders", instance) == {FIRST: 2, SECOND: 1}
    assert [line for line in run.log if "left out" in line] == ["WARNING days_with_orders: left out: 2026-03-03"]


def test_the_io_manager_alone(example: ModuleType, tmp_path: Path) -> None:
    """Without a run: two contexts are enough for what is stored and what is loaded."""
    frame, folder = pd.DataFrame({"cents": [450]}), example.ParquetFolder(folder=str(tmp_path))
    folder.handle_output(dg.build_output_context(asset_key=dg.AssetKey(["shop", "orders"])), frame)
    loaded = folder.load_input(
        dg.build_input_context(asset_key=dg.AssetKey(["shop", "orders"]), dagster_type=dg.PythonObjectDagsterType(pd.DataFrame))
    )
    assert loaded.to_dict("list") == {"cents": [450]}


# --- what no error announces, and the right form beside it


@pytest.mark.parametrize(("as_day", "rows"), [(str, 2), (pd.Timestamp, 1)])
def test_a_text_day_is_never_replaced(as_day: Any, rows: int, example: ModuleType, instance: dg.DagsterInstance) -> None:
    """A day stored as text is not found by the delete: the second run doubles it. A timestamp is found."""
    for _ in range(2):
        store(instance, {"day": [as_day(FIRST)], "cents": [450]}, partition=FIRST)
    assert table("SELECT count(*) FROM shop.orders") == [(rows,)]


def test_rows_of_another_day_are_doubled(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Only the run's own day is deleted before the insert: return no other rows."""
    for _ in range(2):
        store(instance, {"day": [pd.Timestamp("2026-03-03")], "cents": [450]}, partition=FIRST)
    assert table("SELECT count(*) FROM shop.orders") == [(2,)]


def test_columns_in_another_order_change_places(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Values are inserted by position into the table that is there; select the columns by name before you return."""
    store(instance, {"orders": [2], "cents": [900]})
    store(instance, {"cents": [900], "orders": [2]})
    assert table("SELECT orders, cents FROM shop.orders") == [(900, 2)]


def test_keys_with_the_same_end_share_a_table(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Only the last two parts of a key are schema and table: the second asset overwrites the first."""

    def orders_of(market: str) -> dg.AssetsDefinition:
        return dg.asset(lambda: pd.DataFrame({"market": [market]}), name="orders", key_prefix=[market, "shop"])

    assets = [orders_of("eu"), orders_of("us")]
    run_assets(assets, instance, resources={"io_manager": DuckDBPandasIOManager(database="shop_data.duckdb")})
    assert len(table("SELECT market FROM shop.orders")) == 1


def test_a_partition_that_was_never_stored_loads_as_no_rows(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """DuckDB's IO manager cannot tell a day without orders from a day that never ran; the Parquet one can."""
    store(instance, {"day": [pd.Timestamp(FIRST)], "cents": [450]}, partition=FIRST)
    orders = dg.AssetSpec(["shop", "orders"], partitions_def=DAYS, metadata={"partition_expr": "day"})
    resources = {"duckdb": DuckDBPandasIOManager(database="shop_data.duckdb")}

    @dg.asset(partitions_def=DAYS, ins={"orders": dg.AssetIn(["shop", "orders"], input_manager_key="duckdb")})
    def count(orders: pd.DataFrame) -> int:
        return len(orders)

    run_assets([orders, count], instance, "key:count", partition=SECOND, resources=resources)
    assert stored_value([orders, count], "count", instance, partition=SECOND, resources=resources) == 0


@pytest.mark.parametrize(("annotated", "status"), [(True, "FAILURE"), (False, "SUCCESS")])
def test_none_is_stored_only_without_annotation(annotated: bool, status: str, instance: dg.DagsterInstance) -> None:
    """`-> None` stores nothing, so a reader by argument can never load it; `return None` alone is pickled."""

    def load():
        return None

    load.__annotations__ = {"return": None} if annotated else {}
    assets = [dg.asset(load, name="loaded"), dg.asset(lambda loaded: loaded is None, name="reader")]
    assert run_assets(assets, instance).status == status
