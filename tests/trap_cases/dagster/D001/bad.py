import dagster as dg


@dg.asset
def orders() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"rows": 2})


@dg.asset
def revenue(orders) -> int:  # found
    return sum(orders)


defs = dg.Definitions([orders, revenue])
