"""Kept for a day, for every run."""

from datetime import timedelta

from prefect import flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE


@task(cache_policy=INPUTS + TASK_SOURCE, cache_expiration=timedelta(days=1))
def orders(day: str) -> str:
    return day


@flow
def load(day: str = "2026-03-01") -> str:
    return orders(day)
