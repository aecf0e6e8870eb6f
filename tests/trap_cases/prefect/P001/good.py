"""The source of the task is part of the key."""

from prefect import flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE


@task(cache_policy=INPUTS + TASK_SOURCE)
def gross(cents: int) -> int:
    return cents


@task(cache_policy=INPUTS + TASK_SOURCE)
def tax(cents: int) -> int:
    return cents * 8 // 100


@flow
def invoice(cents: int = 1000) -> list[int]:
    return [gross(cents), tax(cents)]
