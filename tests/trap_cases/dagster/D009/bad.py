import dagster as dg


@dg.asset(tags={"dagster/concurrency_key": "warehouse"})
def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # found
    slots = context.instance.event_log_storage.get_concurrency_info("warehouse")
    return dg.MaterializeResult(metadata={"slots_taken": slots.active_slot_count})


defs = dg.Definitions([orders])
