import dagster as dg


@dg.asset
def orders() -> None: ...


@dg.asset(deps=[orders], automation_condition=dg.AutomationCondition.eager())
def report() -> None: ...  # found


defs = dg.Definitions([orders, report])
