"""Every shop's day is loaded by a run of its own, with parameters that are what they say or are refused.

What: strict, closed parameter models; subflows at the same time through tasks; a timeout for each of them.
When: parts deserve their own run, state and retry in the UI. Otherwise map a task, which costs less.
Run: uv run python flow.py
Expect: two load-shop runs under one load-day run, and 5 rows printed.
"""

from __future__ import annotations

from datetime import date

from prefect import flow, task, unmapped
from pydantic import BaseModel, ConfigDict, Field

ORDERS = {"bern": 3, "basel": 2}


class Load(BaseModel):
    """What a load may be asked. Unless told so, pydantic drops unknown names and turns True into 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: date = date(2026, 3, 1)
    at_most: int = Field(default=100, ge=1, strict=True)


DEFAULT = Load()


@flow(timeout_seconds=60, flow_run_name="load {shop}")
def load_shop(shop: str, load: Load) -> int:
    """One shop's rows."""
    return min(ORDERS[shop], load.at_most)


@task
def run_shop(shop: str, load: Load) -> int:
    """A subflow run from a task, since flows have no `submit`; it fails with the subflow."""
    return load_shop(shop, load)


@flow(log_prints=True)
def load_day(load: Load = DEFAULT, shops: tuple[str, ...] = ("bern", "basel")) -> int:
    """All shops at the same time; the rows of all."""
    rows = sum(run_shop.map(shops, unmapped(load)).result())
    print(f"{rows} rows")
    return rows


if __name__ == "__main__":
    load_day()
