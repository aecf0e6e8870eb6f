"""A failed step is run again without reading the orders a second time.

What: each step stores its result through the IO manager; the job asks for two run retries from the failed step on.
When: steps are long and their stored inputs still right. When the input was wrong, run it anew from where it was read.
Run: dg launch --job load -f definitions.py
Expect: total 1282; with SHOP_RATES set to a file without CHF the run fails in `priced`, and only that runs again.
"""

import json
import os
from pathlib import Path

import dagster as dg

ORDERS = [("EUR", 450), ("CHF", 800)]


@dg.asset
def orders() -> list[tuple[str, int]]:
    """Currency and cents of each order: the step one would not like to repeat."""
    return ORDERS


@dg.asset
def priced(orders: list[tuple[str, int]]) -> list[int]:
    """Orders in euro cents; fails on a currency without a rate."""
    rates = json.loads(Path(os.environ.get("SHOP_RATES", Path(__file__).with_name("rates.json"))).read_text())
    return [cents * rates[currency] // 100 for currency, cents in orders]


@dg.asset
def total(context: dg.AssetExecutionContext, priced: list[int]) -> int:
    """The sum in euro cents."""
    context.add_output_metadata({"cents": sum(priced)})
    return sum(priced)


load = dg.define_asset_job(
    "load", [orders, priced, total], tags={"dagster/max_retries": "2", "dagster/retry_strategy": "FROM_FAILURE"}
)
defs = dg.Definitions(assets=[orders, priced, total], jobs=[load])
