"""Values stored by three IO managers: Parquet files per partition, tables in DuckDB, and pickles.

What: orders a day (own Parquet IO manager) -> revenue a day (DuckDB) and one week's report of all stored days (pickle).
When: values that fit in memory. Not for what SQL or Spark does in place: order those with `deps=`.
Run: dg launch --assets "key:orders" --partition 2026-03-01 -f definitions.py
Expect: stored/orders/2026-03-01.parquet; run again, and it is replaced. The other days are untouched.
"""

import os
from pathlib import Path

import dagster as dg
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager

ORDERS_FILE = Path(__file__).parent / "orders.csv"
DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-04")
COLUMNS = ["day", "orders", "cents"]  # DuckDB's IO manager inserts by position: the order is part of the table


class ParquetFolder(dg.ConfigurableIOManager):
    """A folder per asset, a file per partition. A partition that is missing is an error unless the input allows it."""

    folder: str

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        """Store one partition, or the only value; the file appears whole or not at all."""
        [path] = self._paths(context).values()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        obj.to_parquet(unfinished, index=False)
        unfinished.replace(path)
        context.add_output_metadata({"path": dg.MetadataValue.path(str(path)), "dagster/partition_row_count": len(obj)})

    def load_input(self, context: dg.InputContext) -> pd.DataFrame | dict[str, pd.DataFrame]:
        """A frame for one partition; for several, which the reader must ask for by type, a frame by key."""
        paths = self._paths(context)
        if missing := [key for key, path in paths.items() if not path.exists()]:
            if not (context.definition_metadata or {}).get("allow_missing_partitions"):
                raise FileNotFoundError(f"{context.asset_key.to_user_string()}: not stored yet: {', '.join(missing)}")
            context.log.warning(f"left out: {', '.join(missing)}")
        frames = {key: pd.read_parquet(path) for key, path in paths.items() if path.exists()}
        return frames if len(paths) > 1 or context.dagster_type.typing_type is not pd.DataFrame else next(iter(frames.values()))

    def _paths(self, context: dg.InputContext | dg.OutputContext) -> dict[str, Path]:
        folder = Path(self.folder, *context.asset_key.path)
        if not context.has_asset_partitions:
            return {"the value": folder.with_suffix(".parquet")}
        return {key: folder / f"{key}.parquet" for key in context.asset_partition_keys}


@dg.asset(partitions_def=DAYS, io_manager_key="parquet")
def orders(context: dg.AssetExecutionContext) -> pd.DataFrame:
    """The orders of one day."""
    rows = pd.read_csv(ORDERS_FILE, parse_dates=["day"])
    return rows[rows.day == context.partition_key]


@dg.asset(partitions_def=DAYS, io_manager_key="duckdb", metadata={"partition_expr": "day"}, key_prefix="shop")
def revenue(context: dg.AssetExecutionContext, orders: pd.DataFrame) -> pd.DataFrame:
    """One row a day; `day` is a timestamp, because a re-run finds the rows it replaces by comparing it with one."""
    cents = int((orders.quantity * orders.price_cents).sum())
    made = pd.DataFrame({"day": [pd.Timestamp(context.partition_key)], "orders": [len(orders)], "cents": [cents]})
    return made[COLUMNS]


@dg.asset(ins={"orders": dg.AssetIn(metadata={"allow_missing_partitions": True})})
def days_with_orders(orders: dict[str, pd.DataFrame]) -> dict[str, int]:
    """Orders by day, of all days stored so far: an unpartitioned reader gets every partition."""
    return {day: len(frame) for day, frame in orders.items()}


defs = dg.Definitions(
    assets=[orders, revenue, days_with_orders],
    resources={
        "parquet": ParquetFolder(folder=os.environ.get("SHOP_FOLDER", "stored")),
        "duckdb": DuckDBPandasIOManager(database=os.environ.get("SHOP_DATABASE", "shop_data.duckdb")),
        "io_manager": dg.FilesystemIOManager(base_dir=os.environ.get("SHOP_FOLDER", "stored")),
    },
)
