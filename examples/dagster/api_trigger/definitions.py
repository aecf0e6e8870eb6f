"""A message from outside starts one run, and the same message again starts none.

What: a job whose run config is the message; launch.py asks for it, one caller at a time, with the message's id as a tag.
When: another system knows that there is work. Not for what a sensor can see: it also works after an outage of the webserver.
Run: dg dev -f definitions.py   and then, in a second shell:   python launch.py http://127.0.0.1:3000 delivery-17 '{"cents": 450}'
Expect: the id of a run of book_order, twice the same one when the command is repeated.
"""

import os

import dagster as dg
import duckdb


class Order(dg.Config):
    """One order as the shop's counter sends it."""

    order_id: str = "test"
    cents: int = 0


@dg.op
def book(config: Order) -> None:
    """Add the order; an order that is booked already stays as it is."""
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
        shop.execute("CREATE TABLE IF NOT EXISTS booked (order_id TEXT PRIMARY KEY, cents INT)")
        shop.execute("INSERT OR IGNORE INTO booked VALUES (?, ?)", [config.order_id, config.cents])


@dg.job
def book_order() -> None:
    """One run for each order."""
    book()


DAYS = dg.DailyPartitionsDefinition(start_date="2026-03-01", end_date="2026-03-05")


@dg.asset(partitions_def=DAYS)
def revenue() -> None:
    """What a backfill from outside is asked for."""


defs = dg.Definitions(assets=[revenue], jobs=[book_order])
