"""A range of days is one run, a day that failed is the only one to run again, and a repeated range changes nothing.

What: receipts, one run per day, feed revenue, whose SQL takes a range of days at once; to_do() lists what a backfill owes.
When: history to load or to mend. Not for what the next tick will load anyway: see declarative_automation.
Run: dg launch --assets "key:revenue" --partition-range "2026-03-01...2026-03-04" -f definitions.py
Expect: one run, four days materialized; `dg launch --assets "key:receipts" --partition 2026-03-01 -f definitions.py` is one day.
"""

import csv
import os
from pathlib import Path

import dagster as dg
import duckdb

DAYS = dg.DailyPartitionsDefinition(start_date="2026-03-01", end_date="2026-03-07")
RECEIPTS = Path(__file__).with_name("receipts.csv")


def database() -> duckdb.DuckDBPyConnection:
    """The shop's file, with the two tables that the assets fill."""
    connection = duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb"))
    connection.execute("CREATE TABLE IF NOT EXISTS receipts (day DATE, cents INT)")
    connection.execute("CREATE TABLE IF NOT EXISTS revenue (day DATE, cents INT)")
    return connection


@dg.asset(partitions_def=DAYS, kinds={"duckdb"})
def receipts(context: dg.AssetExecutionContext) -> None:
    """Receipts of one day: one call of an API that knows single days, so one run each, which fails alone."""
    with Path(os.environ.get("SHOP_RECEIPTS", RECEIPTS)).open() as lines:
        rows = [(row["day"], int(row["cents"])) for row in csv.DictReader(lines) if row["day"] == context.partition_key]
    with database() as shop:
        shop.begin()
        shop.execute("DELETE FROM receipts WHERE day = ?", [context.partition_key])
        if rows:
            shop.executemany("INSERT INTO receipts VALUES (?, ?)", rows)
        shop.commit()


# `-> None`: the default IO manager cannot store a value that belongs to several days.
@dg.asset(partitions_def=DAYS, deps=[receipts], kinds={"duckdb"}, backfill_policy=dg.BackfillPolicy.single_run())
def revenue(context: dg.AssetExecutionContext) -> None:
    """Revenue of all days of the run, replaced in one transaction; `context.partition_key` would raise here."""
    days = context.partition_keys
    with database() as shop:
        shop.begin()
        shop.execute("DELETE FROM revenue WHERE day IN (SELECT unnest($1::DATE[]))", [days])
        query = "SELECT day, sum(cents) FROM receipts WHERE day IN (SELECT unnest($1::DATE[])) GROUP BY day"
        shop.execute(f"INSERT INTO revenue {query}", [days])
        shop.commit()


def to_do(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, partitions: dg.PartitionsDefinition) -> list[str]:
    """Partitions without a value and those whose latest run failed: what a backfill of "the rest" must name."""
    keys = partitions.get_partition_keys(dynamic_partitions_store=instance)
    states = instance.get_status_by_partition(asset.key, keys, partitions) or {}
    names = {key: state.value if state else "MISSING" for key, state in states.items()}
    return [key for key in keys if names.get(key, "MISSING") in ("MISSING", "FAILED")]  # not what is IN_PROGRESS


defs = dg.Definitions(assets=[receipts, revenue], jobs=[dg.define_asset_job("revenue_job", [revenue])])
