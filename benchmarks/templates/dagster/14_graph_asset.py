import dagster as dg


@dg.op(tags={"team": "north"})
def fetch_apples() -> list[int]:
    return list(range(17))


@dg.op(config_schema={"at_least": dg.Field(int, default_value=11)})
def keep_large(context: dg.OpExecutionContext, apples: list[int]) -> list[int]:
    return [apple for apple in apples if apple >= context.op_config["at_least"]]


@dg.op
def count_rows(apples: list[int]) -> int:
    return len(apples)


@dg.graph_asset(group_name="north", description="Three steps, one asset.")
def large_apples() -> int:
    return count_rows(keep_large(fetch_apples()))


result = dg.materialize([large_apples])
assert result.output_for_node("large_apples.count_rows") == len([n for n in range(17) if n >= 11])
