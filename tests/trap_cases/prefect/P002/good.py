"""The key asks for the day that the task takes."""

from prefect import flow, task


@task(cache_key_fn=lambda context, parameters: f"orders-{parameters['day']}")
def orders(day: str) -> str:
    return day


@flow
def load(day: str = "2026-03-01") -> str:
    return orders(day)
