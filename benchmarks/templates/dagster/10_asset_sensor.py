import dagster as dg


@dg.asset
def picked_apples() -> int:
    return 17


@dg.op
def tell_north(context: dg.OpExecutionContext) -> str:
    context.log.info("apples were picked")
    return "told"


@dg.job
def announce() -> None:
    tell_north()


@dg.asset_sensor(asset_key=dg.AssetKey("picked_apples"), job=announce)
def when_picked(context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> dg.RunRequest:
    return dg.RunRequest(run_key=f"{event.run_id}-{context.cursor}")


defs = dg.Definitions(assets=[picked_apples], jobs=[announce], sensors=[when_picked])
dg.Definitions.validate_loadable(defs)
assert announce.execute_in_process().output_for_node("tell_north") == "told"
