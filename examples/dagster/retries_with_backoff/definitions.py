"""Orders from an HTTP API: a busy server is asked again, later and later; a wrong request fails at once.

What: RetryRequested for 429, 502, 503, 504 and lost connections; exponential waits with jitter, 5 requests.
When: reads and idempotent writes. Not as RetryPolicy on the asset: that repeats a 400 and your own bugs too.
Run: dg launch --assets "*" -f definitions.py
Expect: 3 orders from the file that stands in for the API; set SHOP_API_URL to ask a server.
"""

import json
import os
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import dagster as dg

OFFLINE = (Path(__file__).parent / "orders.json").as_uri()
PASSING = {429, 502, 503, 504}
WAIT = dg.RetryPolicy(
    max_retries=4,
    delay=float(os.environ.get("SHOP_RETRY_DELAY", "1")),  # seconds; before jitter 1, 3, 7, 15
    backoff=dg.Backoff.EXPONENTIAL,
    jitter=dg.Jitter.FULL,
)


def can_pass(error: Exception) -> bool:
    """Whether the same request may succeed later. HTTPError is an OSError too: its status decides first."""
    if isinstance(error, HTTPError):
        return error.code in PASSING
    return isinstance(error, OSError | HTTPException)


def fetch(url: str) -> list[dict[str, Any]]:
    """The list of orders at `url`; gives up on a silent server after 10 seconds."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


@dg.asset
def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """All orders of the API."""
    try:
        rows = fetch(os.environ.get("SHOP_API_URL", OFFLINE))
    except Exception as error:
        if not can_pass(error):
            raise
        raise dg.RetryRequested(
            max_retries=WAIT.max_retries,
            seconds_to_wait=WAIT.calculate_delay(context.retry_number + 1),
        ) from error
    return dg.MaterializeResult(metadata={"dagster/row_count": len(rows), "retries": context.retry_number})


defs = dg.Definitions(assets=[orders])
