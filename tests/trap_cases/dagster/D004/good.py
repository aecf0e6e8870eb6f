import dagster as dg


@dg.asset(kinds={"python"})
def orders() -> None: ...


@dg.asset(kinds={"python"})
def report() -> None: ...


all_python = dg.define_asset_job("all_python", "kind:python")
defs = dg.Definitions([orders, report], jobs=[all_python])
