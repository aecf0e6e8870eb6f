"""Each night's tick totals the orders of the local day before, whatever the clocks do.

What: a cron in a time zone; the day comes from the scheduled start, so a late or repeated run keeps its day.
When: one run a calendar day. Not for hourly work in a zone with DST (one hour a year gets no run): use UTC.
Run: uv run python flow.py 2026-03-08
Expect: {'day': '2026-03-08', 'orders': 2, 'total_cents': 3250}; without a date, yesterday with no orders.
"""

from __future__ import annotations

import csv
import os
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
from prefect import flow, runtime, task
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

ORDERS = Path(__file__).parent / "orders.csv"
SHOP_ZONE = ZoneInfo("America/New_York")
NIGHTLY = Cron("30 2 * * *", timezone=SHOP_ZONE.key)


def day_before(tick: datetime) -> date:
    """The shop's calendar day that was complete at `tick`."""
    return tick.astimezone(SHOP_ZONE).date() - timedelta(days=1)


def utc_bounds(day: date) -> tuple[datetime, datetime]:
    """Start (inside) and end (outside) of the shop's day: 23, 24 or 25 hours."""
    midnight = datetime.combine(day, time(), SHOP_ZONE)
    next_midnight = datetime.combine(day + timedelta(days=1), time(), SHOP_ZONE)
    return midnight.astimezone(ZoneInfo("UTC")), next_midnight.astimezone(ZoneInfo("UTC"))


@task
def total(day: date) -> dict[str, str | int]:
    """Number and sum of the orders created on the shop's day."""
    start, end = utc_bounds(day)
    with ORDERS.open(newline="") as file:
        orders = [row for row in csv.DictReader(file) if start <= datetime.fromisoformat(row["created_at"]) < end]
    return {
        "day": str(day),
        "orders": len(orders),
        "total_cents": sum(int(row["total_cents"]) for row in orders),
    }


@task
def load(row: dict[str, str | int]) -> None:
    """Write the day's row, replacing the one of an earlier run."""
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS daily (day DATE PRIMARY KEY, orders BIGINT, total_cents BIGINT)")
        database.execute("INSERT OR REPLACE INTO daily VALUES ($day, $orders, $total_cents)", row)


@flow
def daily_orders(day: date | None = None) -> dict[str, str | int]:
    """Total the day given (backfill), else the day before the tick that this run was scheduled for."""
    row = total(day or day_before(runtime.flow_run.scheduled_start_time))
    load(row)
    return row


def deployment() -> RunnerDeployment:
    """The nightly deployment."""
    return daily_orders.to_deployment("nightly", schedule=NIGHTLY)


if __name__ == "__main__":
    print(daily_orders(*map(date.fromisoformat, sys.argv[1:])))
