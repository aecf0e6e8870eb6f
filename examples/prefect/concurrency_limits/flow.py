"""A database is asked by few tasks at once and an API at a bounded rate, whoever runs them.

What: a limit that every process shares, a rate that spends slots, both refused when the limit does not exist.
When: a resource outside Prefect has room for few. Inside one flow run `max_workers` of its task runner is enough.
Run: uv run python flow.py
Expect: four rows; the limits are made on the server if they are not there, and kept if they are.
"""

from __future__ import annotations

from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency, rate_limit

DATABASE, API = "shop-database", "shop-api"
LIMITS = [
    GlobalConcurrencyLimitCreate(name=DATABASE, limit=1),
    GlobalConcurrencyLimitCreate(name=API, limit=4, slot_decay_per_second=2.0),  # a burst of 4, then 2 a second
]


def ensure_limits() -> None:
    """Make the limits that are missing; what an operator has changed stays."""
    with get_client(sync_client=True) as client:
        known = {limit.name for limit in client.read_global_concurrency_limits(limit=200, offset=0)}
        for limit in LIMITS:
            if limit.name not in known:
                client.create_global_concurrency_limit(limit)


def query(order: int) -> int:
    """What the database may be asked by one at a time."""
    return order * 100


@task
def total(order: int) -> int:
    """An order's cents. Raises ConcurrencySlotAcquisitionError when a limit is missing, TimeoutError after 10 minutes."""
    rate_limit(API, strict=True, timeout_seconds=600)
    with concurrency(DATABASE, strict=True, timeout_seconds=600):
        return query(order)


@flow
def totals(orders: list[int] = [1, 2, 3, 4]) -> list[int]:  # noqa: B006  (Prefect copies parameters)
    """Totals in the order asked for, at the pace that the limits allow."""
    ensure_limits()
    return total.map(orders).result()


if __name__ == "__main__":
    print(totals())
