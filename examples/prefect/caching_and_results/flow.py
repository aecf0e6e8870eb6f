"""A slow look-up is paid once for each order and code version, also across runs and days.

What: a policy made of inputs, source and a version number; a lock, so that parallel calls wait for the first.
When: the answer depends on the arguments alone. Not for loads (a cached load loads nothing) or what changes outside.
Run: uv run python flow.py
Expect: three orders valued and the values printed; a second run prints the same values with every task Cached.
"""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE, CachePolicy
from prefect.context import TaskRunContext
from prefect.locking.memory import MemoryLockManager
from prefect.transactions import IsolationLevel

ORDERS = Path(__file__).with_name("orders.csv")
RATES = {"EUR": 100, "USD": 92, "CHF": 107}
RATES_VERSION = "2026-03-01"


def rates_version(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """What the value also depends on and no policy sees: data and functions outside the task's own body."""
    return RATES_VERSION


POLICY = (INPUTS + TASK_SOURCE - "log" + CachePolicy.from_cache_key_fn(rates_version)).configure(
    lock_manager=MemoryLockManager(),  # threads of this process; for several processes see the page
    isolation_level=IsolationLevel.SERIALIZABLE,
)


@task(
    cache_policy=POLICY,
    cache_expiration=timedelta(days=1),
    persist_result=True,
    result_serializer="json",
)
def value_in_cents(amount_cents: int, currency: str, log: list[str]) -> int:
    """The amount in euro cents; `log` is told of each computation and is no part of the key."""
    log.append(currency)
    return amount_cents * RATES[currency] // 100


def read_orders(path: Path) -> list[tuple[int, str]]:
    """Amounts and currencies, in the file's order."""
    with path.open(newline="") as rows:
        return [(int(row["amount_cents"]), row["currency"]) for row in csv.DictReader(rows)]


@flow(log_prints=True)
def value_orders(path: Path = ORDERS) -> list[int]:
    """Value every order; equal orders in one run are valued once."""
    log: list[str] = []
    values = [value_in_cents.submit(amount, currency, log) for amount, currency in read_orders(path)]
    results = [value.result() for value in values]
    print(f"{results} of which computed now: {sorted(log)}")
    return results


if __name__ == "__main__":
    value_orders()
