import dagster as dg

attempts: list[int] = []
patient = dg.RetryPolicy(max_retries=3, delay=0.01, backoff=dg.Backoff.LINEAR, jitter=dg.Jitter.PLUS_MINUS)


@dg.asset(retry_policy=patient, group_name="north")
def fragile_apples(context: dg.AssetExecutionContext) -> int:
    attempts.append(context.retry_number)
    if context.retry_number < 1:
        raise dg.RetryRequested(max_retries=3, seconds_to_wait=0.01)
    return 17 + context.retry_number


@dg.asset
def sturdy_apples(fragile_apples: int) -> int:
    return fragile_apples * 11


result = dg.materialize([fragile_apples, sturdy_apples])
assert result.success
assert attempts == [0, 1]
assert result.output_for_node("fragile_apples") == 17 + 1
