"""Import each shop's orders with its own retries, give up at once on a hopeless file, and repeat only what failed.

What: retries, a time limit and a state that survives them per mapped instance; AirflowFailException and -SkipException.
When: every task that talks to something; which errors to retry is decided in retries_with_backoff.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test retry_and_clear
Expect: XCom of total 3; --conf '{"hopeless": "oslo"}' fails import_shop[1] on its first try, and then total.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

SHOPS = {"bern": ["orders-1", "orders-2"], "oslo": ["orders-3"], "turin": []}


@dag(schedule=None, params={"hopeless": "", "busy": ""}, tags=["shop"])
def retry_and_clear() -> None:
    """Three shops, one of them without orders."""

    @task(retries=2, retry_delay=timedelta(seconds=1), execution_timeout=timedelta(minutes=5))
    def import_shop(shop: str, params=None, ti=None, task_state_store=None) -> int:
        if shop == params["hopeless"]:
            raise AirflowFailException(f"{shop}: no such shop")  # spends no retry
        if not SHOPS[shop]:
            raise AirflowSkipException(f"{shop}: no orders")
        done = task_state_store.get("done") or []  # since 3.3; an XCom pushed by an earlier try is deleted
        for name in SHOPS[shop][len(done) :]:
            done = [*done, name]
            task_state_store.set("done", done)
            if shop == params["busy"] and ti.try_number < 2:
                raise ConnectionError(f"{shop} is busy")
            print(f"imported {name} in try {ti.try_number}")
        return len(done)

    @task(trigger_rule="none_failed")
    def total(counts: Iterable[int]) -> int:
        return sum(counts)

    total(import_shop.expand(shop=list(SHOPS)))


retry_and_clear()
