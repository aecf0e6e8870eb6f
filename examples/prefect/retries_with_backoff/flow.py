"""Fetch orders from an API that fails now and then: wait and ask again, unless that is no use.

What: retries with growing, jittered delays for failures that pass (429, 5xx, no connection), not for others.
When: the request may be repeated (GET, PUT). Not for a POST without an idempotency key: a retry orders twice.
Run: uv run python flow.py, or with SHOP_API_URL=http://host/orders in the environment
Expect: 3 orders from the file beside this one; with a URL, from the API.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx
from prefect import Task, flow, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

OFFLINE_ORDERS = Path(__file__).parent / "orders.json"
PASSING_STATUS = {429, 500, 502, 503, 504}
TIMEOUT = httpx.Timeout(30, connect=3)


def can_succeed_later(task: Task, run: TaskRun, state: State) -> bool:
    """Whether the next attempt may do better: an overloaded or unreachable server, not a refusal."""
    failure = state.result(raise_on_failure=False)
    if isinstance(failure, httpx.HTTPStatusError):
        return failure.response.status_code in PASSING_STATUS
    return isinstance(failure, httpx.TransportError)


@task(
    retries=4,
    retry_delay_seconds=exponential_backoff(backoff_factor=2),
    retry_jitter_factor=0.5,
    retry_condition_fn=can_succeed_later,
)
def fetch_orders(url: str | None) -> list[dict[str, int]]:
    """The API's orders; without a URL, the file's. Raises httpx.HTTPError after the last attempt."""
    if url is None:
        return json.loads(OFFLINE_ORDERS.read_text())
    response = httpx.get(url, timeout=TIMEOUT)
    response.raise_for_status()
    return response.json()


@flow
def count_orders(url: str | None = None) -> int:
    """How many orders the API has; without an argument the run, not the import, reads the environment."""
    return len(fetch_orders(url or os.environ.get("SHOP_API_URL")))


if __name__ == "__main__":
    print(count_orders())
