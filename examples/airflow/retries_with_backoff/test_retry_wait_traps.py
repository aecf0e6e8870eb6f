"""Waits that are not spread, not capped and not granted."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk import DAG, Context, RetryDecision, RetryPolicy, task
from run_dag import run_dag

TRAPS = Path(__file__)
WAITS = {
    "retry_delay": timedelta(minutes=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(hours=1),
}


class Later(RetryPolicy):
    """Always retries, after a wait of its own."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Beyond the task's `max_retry_delay`."""
        return RetryDecision.retry(delay=timedelta(hours=5))


class Spread(RetryPolicy):
    """Always retries, after a random wait."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """The draw is made anew for each instance that failed."""
        return RetryDecision.retry(delay=timedelta(seconds=random.uniform(600, 1200)))


def busy(shop: int) -> None:
    """A service that is overloaded."""
    raise ConnectionError(shop)


with DAG("retries_with_backoff_waits"):
    for name, policy in {"own": None, "spread": Spread(), "later": Later()}.items():
        task(task_id=name, retries=1, retry_policy=policy, **WAITS)(busy).expand(shop=[1, 2, 3])
    task(task_id="none", retry_policy=Later())(busy)(1)


@pytest.mark.usefixtures("metadata_database")
def test_trap_all_instances_of_a_task_wait_equally_long_in_every_run_without_a_date() -> None:
    """The jitter is a hash, without the map index; a policy with a random delay spreads the load."""
    runs = [run_dag(TRAPS, dag_id="retries_with_backoff_waits") for _ in range(2)]
    waits = [{name: [run.observed.waits[f"{name}[{n}]"][0] for n in range(3)] for name in ("own", "spread")} for run in runs]
    (wait,) = {wait for run in waits for wait in run["own"]}
    assert timedelta(minutes=10) <= wait <= timedelta(minutes=20)
    assert len({wait for run in waits for wait in run["spread"]}) > 1


@pytest.mark.usefixtures("metadata_database")
def test_trap_the_delay_of_a_policy_is_not_capped_and_its_retry_not_beyond_retries() -> None:
    """Five hours though one is the longest; a task without `retries` gets no second try."""
    run = run_dag(TRAPS, dag_id="retries_with_backoff_waits")
    assert [run.observed.waits[f"later[{n}]"] for n in range(3)] == [[timedelta(hours=5)]] * 3
    assert (run.tries["later[0]"], run.tries["none"]) == (2, 1)
