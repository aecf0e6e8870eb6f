"""Tables that share a name, runs over several days, and what memory does not show."""

import gc
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
RANGE = ("2026-03-01", "2026-03-02")


def duck(file: Path, **how: Any) -> dict[str, Any]:
    return {"io_manager": DuckDBPandasIOManager(database=str(file), **how)}


def frame(name: str, rows: dict[str, list], prefix: str = "shop", **how: Any) -> dg.AssetsDefinition:
    """An asset that returns these rows."""
    return dg.asset(lambda: pd.DataFrame(rows), name=name, key_prefix=prefix, **how)


@pytest.mark.parametrize(
    ("how", "tables"),
    [({"schema": "shop"}, [("shop", "orders")]), ({}, [("eu", "orders"), ("us", "orders")])],
    ids=["schema", "no schema"],
)
def test_trap_a_schema_of_the_io_manager_replaces_the_prefix(
    instance: dg.DagsterInstance, tmp_path: Path, how: dict[str, str], tables: list[tuple[str, str]]
) -> None:
    """Silent: two markets are one table, and the second overwrites the first; without it each has its schema."""
    markets = [frame("orders", {"market": [market]}, market) for market in ("eu", "us")]
    assert run_assets(markets, instance, resources=duck(tmp_path / "data.duckdb", **how)).errors == {}
    with duckdb.connect(str(tmp_path / "data.duckdb")) as database:
        assert database.sql("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall() == tables


@pytest.mark.parametrize(("file", "status"), [("shop.duckdb", "FAILURE"), ("shop_data.duckdb", "SUCCESS")])
def test_trap_a_file_is_not_named_like_its_schema(instance: dg.DagsterInstance, tmp_path: Path, file: str, status: str) -> None:
    """DuckDB names the database after the file: `shop.orders` could then be either."""
    run = run_assets([frame("orders", {"cents": [450]})], instance, resources=duck(tmp_path / file))
    assert (run.status, "Ambiguous reference" in str(run.errors)) == (status, status == "FAILURE")


@pytest.mark.parametrize(
    ("second", "left"),
    [({"cents": ["nine"], "orders": [2]}, []), ({"cents": [900]}, []), ({"orders": [2], "cents": [900]}, [(2, 900)])],
    ids=["another type", "a column less", "the same columns"],
)
@pytest.mark.parametrize("how", [{}, {"partition": "2026-03-01"}], ids=["whole", "day"])
def test_trap_a_refused_write_has_deleted_the_old_rows(
    instance: dg.DagsterInstance, tmp_path: Path, second: dict[str, list], left: list, how: dict[str, str]
) -> None:
    """The run fails, and what it was to replace is gone: delete and insert are two transactions."""
    days, by_day = (DAYS, {"partition_expr": "day"}) if how else (None, {})
    file, day = tmp_path / "data.duckdb", {"day": [pd.Timestamp("2026-03-01")]}
    for rows in ({"orders": [1], "cents": [450]}, second):
        orders = frame("orders", rows | day, partitions_def=days, metadata=by_day)
        run = run_assets([orders], instance, resources=duck(file), **how)
    gc.collect()  # the failed run has left its connection open
    with duckdb.connect(str(file)) as database:
        found = database.sql("SELECT orders, cents FROM shop.orders").fetchall()
    assert (run.status, found) == ("SUCCESS" if left else "FAILURE", left)


def days_of_a_run(**metadata: str) -> dg.AssetsDefinition:
    """One row for each day of the run, as one value."""

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), metadata=metadata, key_prefix="shop")
    def orders(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame({"day": [pd.Timestamp(key) for key in context.partition_keys]})

    return orders


def test_trap_pickles_take_no_range_and_memory_does(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Silent in a test with memory: a run over two days stores its one value; files refuse it, DuckDB replaces both days."""
    orders, file = days_of_a_run(partition_expr="day"), tmp_path / "data.duckdb"
    memory, table = {"io_manager": dg.InMemoryIOManager()}, duck(file)
    runs = [run_assets([orders], instance, partition=RANGE, resources=how) for how in (memory, None, table, table)]
    assert [run.status for run in runs] == ["SUCCESS", "FAILURE", "SUCCESS", "SUCCESS"]
    assert "multiple partitions" in runs[1].errors["shop__orders"]
    with duckdb.connect(str(file)) as database:
        assert database.sql("SELECT count(*) FROM shop.orders").fetchall() == [(2,)]


@pytest.mark.parametrize(("storage", "status"), [(dg.InMemoryIOManager, "SUCCESS"), (None, "FAILURE")], ids=["memory", "files"])
def test_trap_memory_keeps_what_cannot_be_pickled(instance: dg.DagsterInstance, storage: Any, status: str) -> None:
    """Silent in a test with memory; with files the run fails, as it will in a deployment."""
    assets = [dg.asset(lambda: lambda: 1, name="orders"), dg.asset(lambda orders: None, name="reader")]
    assert run_assets(assets, instance, resources={"io_manager": storage()} if storage else None).status == status


@pytest.mark.parametrize(("storage", "error"), [(dg.InMemoryIOManager, "KeyError"), (None, "FileNotFoundError")])
def test_trap_what_stores_nothing_is_missing_in_memory_too(instance: dg.DagsterInstance, storage: Any, error: str) -> None:
    """The definitions load, the reader fails; only the name of the error is another."""
    assets = [dg.asset(lambda: dg.MaterializeResult(), name="orders"), dg.asset(lambda orders: None, name="reader")]
    run = run_assets(assets, instance, resources={"io_manager": storage()} if storage else None)
    assert run.errors["reader"].startswith(error)


def test_trap_a_value_that_cannot_be_pickled_has_replaced_the_old_one(
    example: ModuleType, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """The failed run has emptied the good one's file; the example renames a file that is whole, and keeps the old one."""
    good, bad = pd.DataFrame({"cents": [450]}), pd.DataFrame({"cents": [lambda: 1]})
    folder = {"io_manager": example.ParquetFolder(folder=str(tmp_path / "stored"))}
    for how in (None, folder):
        first, second = (dg.asset(body, name="orders") for body in (lambda: good, lambda: bad))
        assert [run_assets([made], instance, resources=how).status for made in (first, second)] == ["SUCCESS", "FAILURE"]
    with pytest.raises(EOFError):
        stored_value([first], "orders", instance)
    assert pd.read_parquet(tmp_path / "stored" / "orders.parquet").equals(good)


@pytest.mark.parametrize(("metadata", "days"), [({}, None), ({"allow_missing_partitions": True}, 1)], ids=["default", "allowed"])
def test_trap_a_range_with_a_gap_does_not_load(instance: dg.DagsterInstance, metadata: dict[str, bool], days: int | None) -> None:
    """The reader of all days needs each of them; where the input allows it, those that are there are all it gets."""
    orders = dg.asset(lambda: 1, name="orders", partitions_def=DAYS)

    @dg.asset(ins={"orders": dg.AssetIn(metadata=metadata)})
    def reader(orders: dict[str, int]) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"days": len(orders)})

    run_assets([orders, reader], instance, "key:orders", partition="2026-03-01")
    run = run_assets([orders, reader], instance, "key:reader")
    assert run.metadata.get("reader", {}).get("days") == days
    assert ("FileNotFoundError" in run.errors.get("reader", "")) == (days is None)


@pytest.mark.parametrize(("storage", "cents"), [(dg.InMemoryIOManager, 0), (None, 450)], ids=["memory", "files"])
def test_trap_in_memory_a_reader_changes_the_value_of_the_next(instance: dg.DagsterInstance, storage: Any, cents: int) -> None:
    """Silent in memory: both readers have the same frame; from files each has a copy."""
    orders = dg.asset(lambda: pd.DataFrame({"cents": [450]}), name="orders")

    @dg.asset
    def first(orders: pd.DataFrame) -> None:
        orders["cents"] = 0

    @dg.asset(deps=[first])
    def second(orders: pd.DataFrame) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"cents": int(orders["cents"].sum())})

    how = {"io_manager": storage()} if storage else None
    assert run_assets([orders, first, second], instance, resources=how).metadata["second"]["cents"] == cents
