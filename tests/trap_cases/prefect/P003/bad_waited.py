"""Waiting for a future does not ask it how it went."""

from prefect import flow, task


@task
def load(day: str) -> str:
    if day == "2026-03-02":
        raise ValueError(day)
    return day


@flow
def load_all() -> None:
    loads = load.map(["2026-03-01", "2026-03-02"])  # found
    loads.wait()
    load.submit("2026-03-02").wait()  # found
