"""The orders flow that Prefect 2 ran, moved to Prefect 3: same table, and a failed task fails the run again.

What: no blocks, no awaits; every last future is asked for its result; the deployment is `prefect.yaml` beside this file.
When: you move a flow of 2.x. Its old form, each error on the way and the silent changes are in the test.
Run: uv run python flow.py
Expect: shop_data.duckdb with revenue: bern 3400, thun 2700 cents, both CHF.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import duckdb
from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.variables import Variable

HERE = Path(__file__).parent
PRICES = {"tea": 900, "mug": 1600}


@task
def prices() -> dict[str, int]:
    """Cents by product; the JSON block of 2.x became a variable."""
    return Variable.get("prices", default=PRICES)


@task
def read(shop: str) -> list[dict[str, str]]:
    """The shop's rows of the file that landed."""
    with (Path(os.environ.get("SHOP_LANDING", HERE)) / "orders.csv").open() as lines:
        return [row for row in csv.DictReader(lines) if row["shop"] == shop]


@task
def load(shop: str, rows: list[dict[str, str]], price: dict[str, int]) -> int:
    """Replace the shop's row; its cents."""
    cents = sum(int(row["quantity"]) * price[row["product"]] for row in rows)
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS revenue (shop TEXT PRIMARY KEY, cents BIGINT, currency TEXT)")
        values = [shop, cents, os.environ.get("SHOP_CURRENCY", "CHF")]
        database.execute("INSERT OR REPLACE INTO revenue VALUES (?, ?, ?)", values)
    return cents


@task(persist_result=True, cache_policy=NO_CACHE)
def count_one(name: str) -> None:
    """One line for each call, also for a call with the same argument: without NO_CACHE only the first would write."""
    with Path(os.environ.get("SHOP_LANDING", "."), "counted.txt").open("a") as counted:
        counted.write(f"{name}\n")


@task
def runs_so_far() -> int:
    """How many runs the server shows in one page, which has at most 200."""
    with get_client(sync_client=True) as client:
        return len(client.read_flow_runs())


@flow(name="orders", task_runner=ThreadPoolTaskRunner(max_workers=1))
def orders(shops: tuple[str, ...] = ("bern", "thun")) -> dict[str, int]:
    """Load every shop; the first that fails raises here, after all of them were started."""
    price, runs = prices.submit(), runs_so_far()
    started = {shop: load.submit(shop, read.submit(shop), price) for shop in shops}
    counted = [count_one.submit("shop") for _ in shops]
    for shop, loaded in started.items():
        loaded.wait()
        get_run_logger().info("%s, run %s: %s", shop, runs, loaded.state.name)
    for done in counted:
        done.result()
    return {shop: loaded.result() for shop, loaded in started.items()}


if __name__ == "__main__":
    orders()
