import dagster as dg


@dg.asset(automation_condition=dg.AutomationCondition.on_cron("13 11 * * *"))
def hourly_apples() -> int:
    return 17


@dg.asset(deps=[hourly_apples], automation_condition=dg.AutomationCondition.eager().with_label("north eager"))
def fresh_apples() -> None:
    """Follows its upstream within one evaluation."""


@dg.asset(automation_condition=dg.AutomationCondition.on_missing())
def missing_apples() -> None:
    """Made once, as soon as it may be made."""


defs = dg.Definitions(assets=[hourly_apples, fresh_apples, missing_apples])
dg.Definitions.validate_loadable(defs)
with dg.DagsterInstance.ephemeral() as instance:
    first = dg.evaluate_automation_conditions(defs=defs, instance=instance)
    again = dg.evaluate_automation_conditions(defs=defs, instance=instance, cursor=first.cursor)
    assert again.total_requested == 0
