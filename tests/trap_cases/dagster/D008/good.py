import dagster as dg


@dg.asset
def orders() -> None: ...


@dg.asset(deps=[orders], automation_condition=dg.AutomationCondition.eager())
def report() -> None: ...


automation = dg.AutomationConditionSensorDefinition("automation", target="*", default_status=dg.DefaultSensorStatus.RUNNING)
defs = dg.Definitions([orders, report], sensors=[automation])
