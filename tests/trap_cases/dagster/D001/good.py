import dagster as dg


@dg.asset
def orders() -> dg.MaterializeResult:
    return dg.MaterializeResult(value=[5, 5], metadata={"rows": 2})


@dg.asset
def revenue(orders) -> int:
    return sum(orders)


defs = dg.Definitions([orders, revenue])
