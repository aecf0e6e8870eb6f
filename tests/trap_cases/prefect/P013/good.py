"""A cache that keeps what it is given."""

from prefect import flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE


@task(cache_policy=INPUTS + TASK_SOURCE)
def orders(day: str) -> str:
    return day


@flow
def load(day: str = "2026-03-01") -> str:
    return orders(day)
