"""What is returned decides the state of the run."""

from prefect import flow, task


@task
def load(day: str) -> str:
    if day == "2026-03-02":
        raise ValueError(day)
    return day


@flow
def load_all() -> object:
    loads = load.map(["2026-03-01", "2026-03-02"])
    load.submit("2026-03-03").result()
    return loads
