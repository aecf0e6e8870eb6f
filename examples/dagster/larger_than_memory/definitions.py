"""A million orders and two more steps, while no step holds more than a few thousand rows.

What: batches go from a generator into a Parquet file and out of it; an IO manager hands over readers, never tables.
When: data does not fit into memory, or its pickle costs more than the work. Small data: return the frame.
Run: dg launch --assets "*" -f definitions.py
Expect: two Parquet files of 1000000 rows in shop_batches, and the revenue of 7 shops.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SCHEMA = pa.schema({"order_id": pa.int64(), "shop": pa.int8(), "cents": pa.int64()})


class BatchFiles(dg.ConfigurableIOManager):
    """A RecordBatchReader is stored as one Parquet file, batch by batch, and loaded as a RecordBatchReader."""

    folder: str = "shop_batches"
    rows_a_batch: int = 10_000

    def path(self, context: dg.OutputContext | dg.InputContext) -> Path:
        """The asset's file; a partition's is its own."""
        parts = [*context.asset_key.path, *([context.partition_key] if context.has_partition_key else [])]
        return Path(self.folder, *parts).with_suffix(".parquet").absolute()

    def handle_output(self, context: dg.OutputContext, obj: pa.RecordBatchReader) -> None:
        """Readers of the file see the last complete one: it is put into place when the last batch is written."""
        path, rows = self.path(context), 0
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        with pq.ParquetWriter(unfinished, obj.schema) as file:
            for batch in obj:  # not obj.read_all(), not pa.Table.from_batches(obj)
                file.write_batch(batch)
                rows += batch.num_rows
        unfinished.replace(path)
        context.add_output_metadata({"dagster/row_count": rows, "bytes": path.stat().st_size})

    def load_input(self, context: dg.InputContext) -> pa.RecordBatchReader:
        """Opens the file; a batch is read when it is asked for, once."""
        file = pq.ParquetFile(self.path(context))
        return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(self.rows_a_batch))


class Shop(dg.ConfigurableResource):
    """The source: it can give its rows in order, a page at a time."""

    orders: int = int(os.environ.get("SHOP_ROWS", "1000000"))
    page: int = 10_000

    def pages(self) -> Iterator[pa.RecordBatch]:
        """Pages of orders, each made when it is asked for."""
        for first in range(0, self.orders, self.page):
            ids = pa.array(range(first, min(first + self.page, self.orders)), pa.int64())
            shops = pc.cast(pc.subtract(ids, pc.multiply(pc.divide(ids, 7), 7)), pa.int8())
            yield pa.record_batch([ids, shops, pc.add(ids, 100)], schema=SCHEMA)


@dg.asset
def orders(shop: Shop) -> pa.RecordBatchReader:
    """All orders. A reader over the pages: a bare generator would be taken for the step's events."""
    return pa.RecordBatchReader.from_batches(SCHEMA, shop.pages())


@dg.asset
def gross(orders: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Each order with its tax: batches in, batches out."""
    with_tax = SCHEMA.append(pa.field("gross", pa.int64()))
    batches = (
        pa.record_batch([*batch.columns, pc.divide(pc.multiply(batch["cents"], 119), 100)], schema=with_tax) for batch in orders
    )
    return pa.RecordBatchReader.from_batches(with_tax, batches)


@dg.asset(io_manager_key="values")
def revenue(gross: pa.RecordBatchReader) -> dict[int, int]:
    """Cents by shop: what is kept between batches is as large as the answer."""
    sums: dict[int, int] = {}
    for batch in gross:
        parts = pa.TableGroupBy(pa.table([batch["shop"], batch["gross"]], ["shop", "gross"]), "shop").aggregate(
            [("gross", "sum")]
        )
        for row in parts.to_pylist():
            sums[row["shop"]] = sums.get(row["shop"], 0) + row["gross_sum"]
    return sums


defs = dg.Definitions(
    assets=[orders, gross, revenue],
    resources={"shop": Shop(), "io_manager": BatchFiles(), "values": dg.FilesystemIOManager()},
)
