"""Inputs of different names never meet under one key."""

from prefect import flow, task
from prefect.cache_policies import INPUTS


@task(cache_policy=INPUTS)
def gross(price: int) -> int:
    return price


@task(cache_policy=INPUTS)
def tax(cents: int) -> int:
    return cents * 8 // 100


@flow
def invoice(cents: int = 1000) -> list[int]:
    return [gross(cents), tax(cents)]
