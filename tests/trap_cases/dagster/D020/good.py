import dagster as dg


@dg.asset
def raw() -> None: ...


@dg.asset(deps=[raw])
def clean() -> None: ...


@dg.asset(deps=[clean])
def report() -> None: ...


with_all_above = dg.define_asset_job("with_all_above", selection="+key:report")
defs = dg.Definitions([raw, clean, report], jobs=[with_all_above])
