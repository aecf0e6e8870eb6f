import dagster as dg

days = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-02-11", timezone="Europe/Berlin")


@dg.asset(partitions_def=days, group_name="north")
def daily_apples(context: dg.AssetExecutionContext) -> list[str]:
    start, end = context.partition_time_window
    context.log.info("reading from %s to %s", start, end)
    return [f"{context.partition_key}-{number}" for number in range(17)]


@dg.asset(partitions_def=days)
def daily_apples_total(daily_apples: list[str]) -> int:
    return len(daily_apples)


result = dg.materialize([daily_apples, daily_apples_total], partition_key="2026-01-17")
assert result.output_for_node("daily_apples_total") == 17
assert "2026-01-31" in days.get_partition_keys()
