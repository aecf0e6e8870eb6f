"""Checks made from a table of rules: an ERROR keeps the bad day from the revenue, a WARN only shows.

What: a factory of checks that read the run's own partition, one blocking gate, freshness with a deadline.
When: rules about one table. What must never be stored at all is refused before the write, not by a check after it.
Run: dg launch --assets "*" --partition 2026-03-01 -f definitions.py
Expect: 2 orders, 4 checks passed, revenue 1650; a file with a negative amount in SHOP_ORDERS stops before the revenue.
"""

import csv
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import duckdb

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-04", timezone="Europe/Berlin")
BY_NINE = dg.FreshnessPolicy.cron(deadline_cron="0 9 * * *", lower_bound_delta=timedelta(hours=3), timezone="Europe/Berlin")


def database() -> duckdb.DuckDBPyConnection:
    """The shop's database file, opened for one statement or two."""
    connection = duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb"))
    connection.execute("CREATE TABLE IF NOT EXISTS orders (day DATE, order_id INTEGER, cents INTEGER)")
    return connection


@dg.asset(partitions_def=DAYS, freshness_policy=BY_NINE)
def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The day's orders; they replace what the table holds of that day."""
    source = Path(os.environ.get("SHOP_ORDERS", Path(__file__).with_name("orders.csv")))
    with source.open() as lines:
        rows = [(row["day"], row["order_id"], row["cents"] or None) for row in csv.DictReader(lines)]
    rows = [row for row in rows if row[0] == context.partition_key]
    with database() as connection:
        connection.execute("DELETE FROM orders WHERE day = ?", [context.partition_key])
        if rows:
            connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    return dg.MaterializeResult(metadata={"dagster/partition_row_count": len(rows)})


@dataclass(frozen=True)
class Rule:
    """`bad_rows`: a query over the table `day_orders`, the run's own day, that returns what breaks the rule."""

    name: str
    bad_rows: str
    stops: bool = True


RULES = (
    Rule("amounts_are_positive", "SELECT order_id FROM day_orders WHERE cents IS NULL OR cents <= 0"),
    Rule("orders_are_unique", "SELECT order_id FROM day_orders GROUP BY ALL HAVING count(*) > 1"),
    Rule("there_are_orders", "SELECT 1 WHERE NOT EXISTS (FROM day_orders)"),
    Rule("no_order_above_100_euro", "SELECT order_id FROM day_orders WHERE cents > 10000", stops=False),
)


def check_of(rule: Rule) -> dg.AssetChecksDefinition:
    """A check that shows up to five of the rows it objects to."""
    severity = dg.AssetCheckSeverity.ERROR if rule.stops else dg.AssetCheckSeverity.WARN

    @dg.asset_check(asset=orders, name=rule.name, blocking=rule.stops)
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        day = "WITH day_orders AS (SELECT order_id, cents FROM orders WHERE day = ?)"
        with database() as connection:
            bad = connection.execute(f"{day} {rule.bad_rows}", [context.partition_key]).fetchall()
        facts = {"bad_rows": len(bad), "first": [row[0] for row in bad[:5]]}
        return dg.AssetCheckResult(passed=not bad, severity=severity, metadata=facts)

    return check


@dg.asset(partitions_def=DAYS, deps=[orders])
def revenue(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The day's sum, of orders that passed in the same run."""
    with database() as connection:
        [cents] = connection.execute("SELECT sum(cents)::INT FROM orders WHERE day = ?", [context.partition_key]).fetchone()
    return dg.MaterializeResult(metadata={"cents": cents})


# One process: DuckDB has one writer, and the default executor runs checks in parallel.
defs = dg.Definitions(assets=[orders, revenue], asset_checks=[check_of(rule) for rule in RULES], executor=dg.in_process_executor)
