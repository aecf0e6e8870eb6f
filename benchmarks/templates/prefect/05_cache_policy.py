from datetime import timedelta

from prefect import flow, task
from prefect.cache_policies import INPUTS, NO_CACHE, TASK_SOURCE


@task(cache_policy=INPUTS + TASK_SOURCE, cache_expiration=timedelta(hours=11), persist_result=True)
def price_apples(region: str, count: int) -> int:
    return len(region) * count


@task(cache_policy=INPUTS - "reason" + TASK_SOURCE)
def explain_apples(count: int, reason: str) -> str:
    return f"{count} because of {reason}"


@task(cache_policy=NO_CACHE)
def count_apples() -> int:
    return 17


@flow
def priced_apples(region: str = "north") -> str:
    return explain_apples(price_apples(region, count_apples()), reason="the weather")


assert price_apples.cache_expiration == timedelta(hours=11)
assert explain_apples.fn(17, reason="rain") == "17 because of rain"
