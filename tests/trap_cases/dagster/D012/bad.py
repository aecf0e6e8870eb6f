import dagster as dg


@dg.asset
def orders() -> list[int]:
    return []


@dg.asset_check(asset=orders)
def not_empty(orders: list[int]) -> dg.AssetCheckResult:  # found
    """Stops the report when there is nothing to report."""
    return dg.AssetCheckResult(passed=len(orders) > 0)


@dg.asset(deps=[orders])
def report() -> None: ...


defs = dg.Definitions([orders, report], asset_checks=[not_empty])
