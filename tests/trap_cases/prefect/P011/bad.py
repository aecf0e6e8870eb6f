"""Both days should have both columns."""

from prefect import flow, task


@task
def columns_of(day: str, columns: list[str]) -> int:
    return len(columns)


@flow
def load() -> list[int]:
    days = ["2026-03-01", "2026-03-02"]
    return columns_of.map(days, columns=["order_id", "cents"]).result()  # found
