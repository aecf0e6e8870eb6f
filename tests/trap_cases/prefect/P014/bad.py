"""Kept for a day, under a key that no other run has."""

from datetime import timedelta

from prefect import flow, task


@task(cache_expiration=timedelta(days=1), persist_result=True)
def orders(day: str) -> str:  # found
    return day


@flow
def load(day: str = "2026-03-01") -> str:
    return orders(day)
