"""The orders flow and its deployment as Prefect 2.x ran them."""

import csv
import os
from pathlib import Path

import duckdb
from prefect import flow, get_run_logger, task
from prefect.blocks.system import JSON
from prefect.client import get_client
from prefect.deployments import Deployment
from prefect.filesystems import LocalFileSystem
from prefect.infrastructure import Process
from prefect.orion.schemas.schedules import CronSchedule
from prefect.task_runners import SequentialTaskRunner


@task
def prices():
    return JSON.load("prices").value


@task
def read(shop):
    with (Path(os.environ["SHOP_LANDING"]) / "orders.csv").open() as lines:
        return [row for row in csv.DictReader(lines) if row["shop"] == shop]


@task
def load(shop, rows, price):
    cents = sum(int(row["quantity"]) * price[row["product"]] for row in rows)
    with duckdb.connect(os.environ["SHOP_DATABASE"]) as database:
        database.execute("CREATE TABLE IF NOT EXISTS revenue (shop TEXT PRIMARY KEY, cents BIGINT, currency TEXT)")
        database.execute("INSERT OR REPLACE INTO revenue VALUES (?, ?, ?)", [shop, cents, os.environ.get("SHOP_CURRENCY", "CHF")])
    return cents


@task(persist_result=True)
def count_one(name):
    with Path(os.environ["SHOP_LANDING"], "counted.txt").open("a") as counted:
        counted.write(f"{name}\n")


@task
async def runs_so_far():
    async with get_client() as client:
        return len(await client.read_flow_runs())


@flow(name="orders", task_runner=SequentialTaskRunner())
async def orders(shops=("bern", "thun")):
    price = await prices.submit()
    runs = await runs_so_far()
    for shop in shops:
        rows = await read.submit(shop)
        loaded = await load.submit(shop, rows, price)
        await count_one.submit("shop")
        get_run_logger().info("%s, run %s: %s", shop, runs, (await loaded.get_state()).name)


if __name__ == "__main__":
    Deployment.build_from_flow(
        flow=orders,
        name="nightly",
        work_queue_name="shop",
        schedule=CronSchedule(cron="30 6 * * *", timezone="Europe/Zurich"),
        is_schedule_active=False,
        storage=LocalFileSystem(basepath=os.environ["SHOP_CODE"]),
        infrastructure=Process(),
        infra_overrides={"env.SHOP_CURRENCY": "EUR"},
        apply=True,
    )
