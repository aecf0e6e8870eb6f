import dagster as dg


@dg.asset(kinds={"python"})
def orders() -> None: ...


@dg.asset(compute_kind="python")
def report() -> None: ...  # found


all_python = dg.define_asset_job("all_python", "kind:python")
defs = dg.Definitions([orders, report], jobs=[all_python])
