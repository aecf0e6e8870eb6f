"""However many rows there are, a step holds a few batches: counted by Arrow's own allocator, not by a clock."""

import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from run_assets import run_assets, stored_value

PAGE, ROWS = 5_000, 250_000
PAGE_BYTES = PAGE * (8 + 1 + 8)


@pytest.fixture
def memory() -> Iterator[pa.MemoryPool]:
    """Counts what Arrow allocates during the test: `max_memory()` is the peak in bytes."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    yield pool
    pa.set_memory_pool(before)


def resources(example: ModuleType, rows: int = ROWS) -> dict:
    """A shop with so many rows, batches of PAGE rows everywhere."""
    values = dg.FilesystemIOManager(base_dir="shop_values")
    return {"shop": example.Shop(orders=rows, page=PAGE), "io_manager": example.BatchFiles(rows_a_batch=PAGE), "values": values}


def test_the_sums_are_right(example: ModuleType, instance) -> None:
    """Seven shops; the sum over all is that of a formula, rows are counted on both files."""
    given = resources(example)
    run = run_assets(example.defs, instance, resources=given)
    expected = sum((number + 100) * 119 // 100 for number in range(ROWS))
    sums = stored_value(example.defs, "revenue", instance, resources=given)
    assert (run.status, len(sums), sum(sums.values())) == ("SUCCESS", 7, expected)
    assert {name: run.metadata[name]["dagster/row_count"] for name in ("orders", "gross")} == {"orders": ROWS, "gross": ROWS}


def test_pages_do_not_pile_up(example: ModuleType, instance) -> None:
    """Of fifty pages made by the source no more than two are alive when the next one is made."""
    made: list[weakref.ref[pa.RecordBatch]] = []
    seen: list[int] = []

    class WatchedShop(example.Shop):
        def pages(self) -> Iterator[pa.RecordBatch]:
            for page in super().pages():
                made.append(weakref.ref(page))
                seen.append(sum(one() is not None for one in made))
                yield page

    given = {**resources(example), "shop": WatchedShop(orders=ROWS, page=PAGE)}
    run_assets(example.defs, instance, "orders", resources=given)
    assert (len(seen), max(seen) <= 2) == (ROWS // PAGE, True)


@pytest.mark.parametrize("rows", [ROWS, 4 * ROWS])
def test_the_peak_does_not_grow_with_the_rows(example: ModuleType, instance, memory: pa.MemoryPool, rows: int) -> None:
    """All three steps: with four times as many rows the peak stays under the same forty pages, of 200."""
    run = run_assets(example.defs, instance, resources=resources(example, rows))
    assert (run.status, 0 < memory.max_memory() < 40 * PAGE_BYTES) == ("SUCCESS", True)


def test_read_all_holds_everything(example: ModuleType, instance, memory: pa.MemoryPool) -> None:
    """The wrong form beside it: read_all() in a step gives the same numbers and holds every row at once."""
    given = resources(example, 4 * ROWS)

    @dg.asset(io_manager_key="values")
    def total(orders: pa.RecordBatchReader) -> int:
        return orders.read_all().num_rows

    run = run_assets([example.orders, total], instance, resources=given)
    assert (run.status, memory.max_memory() > 4 * ROWS * 17) == ("SUCCESS", True)


def test_a_source_that_fails_half_way_leaves_the_old_file(example: ModuleType, instance) -> None:
    """What was complete stays in place; the unfinished file is beside it and nobody reads it."""

    class BrokenShop(example.Shop):
        def pages(self) -> Iterator[pa.RecordBatch]:
            yield next(super().pages())
            raise ConnectionError("page 2")

    run_assets(example.defs, instance, "orders", resources=resources(example, 3 * PAGE))
    broken = {**resources(example), "shop": BrokenShop(orders=ROWS, page=PAGE)}
    run = run_assets(example.defs, instance, "orders", resources=broken)
    assert (run.status, "page 2" in run.errors["orders"]) == ("FAILURE", True)
    assert pq.read_metadata(Path("shop_batches", "orders.parquet")).num_rows == 3 * PAGE


def test_a_returned_generator_is_taken_for_events(instance) -> None:
    """An asset that returns a generator fails: Dagster asks it for outputs, so wrap it into a reader."""
    lines = dg.asset(lambda: (number for number in range(3)), name="lines")
    run = run_assets([lines], instance)
    assert (run.status, "yielded a value of type" in run.errors["lines"]) == ("FAILURE", True)


def test_a_reader_is_empty_the_second_time(example: ModuleType, instance) -> None:
    """Silent: a second loop over the same input sees no row; two inputs, or one pass, do."""
    given = resources(example, 2 * PAGE)

    @dg.asset(io_manager_key="values")
    def twice(orders: pa.RecordBatchReader) -> list[int]:
        return [sum(batch.num_rows for batch in orders) for _ in range(2)]

    assets = [example.orders, twice]
    run_assets(assets, instance, resources=given)
    assert stored_value(assets, "twice", instance, resources=given) == [2 * PAGE, 0]


@pytest.mark.parametrize(("spills", "fits"), [(True, True), (False, False)])
def test_duckdb_sorts_more_than_its_limit_only_where_it_may_spill(tmp_path: Path, spills: bool, fits: bool) -> None:
    """With a temp_directory a sort of 64 MB passes under 32 MB; without one it is OutOfMemoryException."""
    settings = {"memory_limit": "32MB", "threads": "1", "temp_directory": str(tmp_path / "spill") if spills else ""}
    with duckdb.connect(config=settings) as connection:
        try:
            query = "COPY (SELECT hash(i) AS id, i FROM range(4000000) t(i) ORDER BY id) TO ? (FORMAT parquet)"
            connection.execute(query, [str(tmp_path / "sorted.parquet")])
        except duckdb.OutOfMemoryException:
            passed = False
        else:
            passed = True
    assert passed is fits
