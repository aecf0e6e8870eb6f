"""Two tasks keep their results under their inputs, and nothing else."""

from prefect import flow, task
from prefect.cache_policies import INPUTS


@task(cache_policy=INPUTS)
def gross(cents: int) -> int:  # found
    return cents


@task(cache_policy=INPUTS)
def tax(cents: int) -> int:  # found
    return cents * 8 // 100


@flow
def invoice(cents: int = 1000) -> list[int]:
    return [gross(cents), tax(cents)]
