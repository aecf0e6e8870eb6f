"""Every article is priced at the same time; one that fails is named, and the others are kept.

What: map over articles, gather values and failures together, with the same code on threads, processes or Dask.
When: threads for waiting, processes or Dask for computing. Not for thousands of tiny calls: batch them first.
Run: SHOP_RUNNER=dask uv run python flow.py
Expect: three prices and no failure; with SHOP_RUNNER=dask or process computed in another process.
"""

from __future__ import annotations

import os
from typing import Any

from prefect import flow, task, unmapped
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner
from prefect_dask import DaskTaskRunner

ARTICLES = ["tea", "mate", "cocoa"]
RUNNERS: dict[str, TaskRunner[Any]] = {
    "thread": ThreadPoolTaskRunner(max_workers=4),
    "process": ProcessPoolTaskRunner(max_workers=int(os.environ.get("SHOP_PROCESSES", "2"))),
    "dask": DaskTaskRunner(
        cluster_kwargs={
            "n_workers": 1,
            "threads_per_worker": 2,
            "host": "127.0.0.1",
            "dashboard_address": "127.0.0.1:0",  # unless told, on all interfaces
        }
    ),
}


@task
def price(article: str, rates: dict[str, int]) -> tuple[int, int]:
    """Cents of an article, and the process that computed it. Raises KeyError for an unknown one."""
    return rates[article], os.getpid()


@flow(task_runner=RUNNERS[os.environ.get("SHOP_RUNNER", "thread")], log_prints=True)
def price_list(articles: list[str] = ARTICLES) -> dict[str, Any]:
    """Prices by article, names of those without one, and whether another process did the work."""
    rates = {"tea": 450, "mate": 900, "cocoa": 700}
    answers = price.map(articles, unmapped(rates)).result(raise_on_failure=False)
    named = dict(zip(articles, answers, strict=True))
    prices = {article: answer for article, answer in named.items() if not isinstance(answer, Exception)}
    outcome = {
        "prices": {article: cents for article, (cents, _) in prices.items()},
        "failed": sorted(named.keys() - prices.keys()),
        "elsewhere": all(process != os.getpid() for _, process in prices.values()),
    }
    print(outcome)
    return outcome


if __name__ == "__main__":
    price_list()
