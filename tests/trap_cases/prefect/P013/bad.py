"""A cache that may keep nothing."""

from prefect import flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE


@task(cache_policy=INPUTS + TASK_SOURCE, persist_result=False)
def orders(day: str) -> str:  # found
    return day


@flow
def load(day: str = "2026-03-01") -> str:
    return orders(day)
