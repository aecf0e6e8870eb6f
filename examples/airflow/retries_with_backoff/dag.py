"""Fetch the shop's price list over HTTP, and retry only what can succeed.

What: a retry policy that fails at once on HTTP 400, and backs off with jitter, up to a limit, on HTTP 503.
When: on 3.3 or newer; before, catch the hopeless errors in the task and raise AirflowFailException.
Run: SHOP_PRICES_URL=http://127.0.0.1:8000/prices.json AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test fetch_prices
Expect: XCom {"espresso": 250, ...}; without SHOP_PRICES_URL the file prices.json stands in for the service.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from airflow.sdk import Context, RetryDecision, RetryPolicy, dag, task

PRICES_FILE = Path(__file__).parent / "prices.json"
STATUSES_THAT_PASS = {429, 500, 502, 503, 504}


class RetryWhatCanPass(RetryPolicy):
    """Leave overload and network errors to the task's own back-off; fail on everything else, bugs too.

    It runs in the worker, at the end of the try that failed, and never outlives the task's `retries`.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the exception alone, so that a test needs no context."""
        if isinstance(exception, HTTPError):
            passes = exception.code in STATUSES_THAT_PASS
        else:
            passes = isinstance(exception, URLError | TimeoutError | ConnectionError)
        return RetryDecision.default() if passes else RetryDecision.fail(reason=repr(exception))


@dag(schedule=None, tags=["shop"])
def fetch_prices() -> None:
    """One request a try."""

    @task(
        retries=4,
        retry_delay=timedelta(seconds=2),
        retry_exponential_backoff=2.0,
        max_retry_delay=timedelta(seconds=10),
        retry_policy=RetryWhatCanPass(),
    )
    def fetch() -> dict[str, int]:
        url = os.environ.get("SHOP_PRICES_URL", PRICES_FILE.as_uri())
        with urlopen(url, timeout=10) as response:
            return json.load(response)

    fetch()


fetch_prices()
