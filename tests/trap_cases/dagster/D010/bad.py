import dagster as dg


@dg.asset(op_tags={"dagster/max_retries": "3"})
def orders() -> None: ...  # found


load = dg.define_asset_job("load", [orders])
defs = dg.Definitions([orders], jobs=[load])
