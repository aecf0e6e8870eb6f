import dagster as dg


@dg.op(out=dg.DynamicOut(str))
def list_crates():
    for number in range(3):
        yield dg.DynamicOutput(f"north-{number}", mapping_key=f"crate_{number}")


@dg.op
def weigh_apples(crate: str) -> int:
    return len(crate) + 17


@dg.op
def total_weight(context: dg.OpExecutionContext, weights: list[int]) -> int:
    context.log.info("%d crates of apples", len(weights))
    return sum(weights)


@dg.job(executor_def=dg.in_process_executor)
def weigh_all_apples() -> None:
    total_weight(list_crates().map(weigh_apples).collect())


result = weigh_all_apples.execute_in_process()
assert result.success
assert result.output_for_node("total_weight") == 3 * (len("north-0") + 17)
