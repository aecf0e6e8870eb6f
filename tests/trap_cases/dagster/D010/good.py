import dagster as dg


@dg.asset
def orders() -> None: ...


load = dg.define_asset_job("load", [orders], tags={"dagster/max_retries": "3"})
defs = dg.Definitions([orders], jobs=[load])
