"""The API is asked again only when that can help, with growing delays, and not for ever."""

from __future__ import annotations

from types import ModuleType

import pytest
from flaky_api import running_api
from prefect import Task
from prefect.client.schemas.objects import State

ORDERS = [{"order_id": 1, "total_cents": 1800}, {"order_id": 2, "total_cents": 450}]
ATTEMPTS = 5


def without_waiting(task: Task) -> Task:
    """The same task with its retries and its condition, and no delay between attempts."""
    return task.with_options(retry_delay_seconds=0)


def fetch(example: ModuleType, url: str, monkeypatch: pytest.MonkeyPatch) -> State:
    """The final state of the example's flow."""
    monkeypatch.setattr(example, "fetch_orders", without_waiting(example.fetch_orders))
    return example.count_orders(url, return_state=True)


@pytest.mark.parametrize(
    ("statuses", "requests", "final"),
    [
        ([200], 1, "Completed"),
        ([503, 429, 200], 3, "Completed"),
        ([503, 503, 503, 503, 200], ATTEMPTS, "Completed"),
        ([503], ATTEMPTS, "Failed"),
        ([0, 0, 200], 3, "Completed"),
        ([400], 1, "Failed"),
        ([503, 404], 2, "Failed"),
    ],
)
def test_number_of_requests(
    example: ModuleType, statuses: list[int], requests: int, final: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures that pass are retried up to the limit, a refusal is not; 0 is a dropped connection."""
    with running_api(statuses, ORDERS) as api:
        state = fetch(example, api.url, monkeypatch)
    assert (len(api.requests), state.name) == (requests, final)


def test_result_after_retries_is_the_answer(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow returns what the successful attempt gave."""
    with running_api([503, 200], ORDERS) as api:
        state = fetch(example, api.url, monkeypatch)
    assert state.result() == 2


def test_delays_double_and_are_jittered(example: ModuleType) -> None:
    """The declared delays are 2, 4, 8 and 16 seconds, each varied by at most half."""
    options = example.fetch_orders
    assert (options.retry_delay_seconds, options.retry_jitter_factor) == ([2, 4, 8, 16], 0.5)
