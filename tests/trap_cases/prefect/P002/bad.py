"""The key asks for a day that the task does not take."""

from prefect import flow, task


@task(cache_key_fn=lambda context, parameters: f"orders-{parameters['day']}")
def orders(date: str) -> str:  # found
    return date


@flow
def load(day: str = "2026-03-01") -> str:
    return orders(day)
