"""The second future is neither returned nor asked for its result."""

from prefect import flow, task


@task
def load(day: str) -> str:
    if day == "2026-03-02":
        raise ValueError(day)
    return day


@flow
def load_all() -> str:
    load.submit("2026-03-02")  # found
    return load("2026-03-01")
