import dagster as dg
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01"), metadata={"partition_expr": "CAST(day AS TIMESTAMP)"})
def orders(context: dg.AssetExecutionContext) -> pd.DataFrame:
    return pd.DataFrame({"day": [context.partition_key], "amount": [5]})


defs = dg.Definitions([orders], resources={"io_manager": DuckDBPandasIOManager(database="shop.duckdb")})
