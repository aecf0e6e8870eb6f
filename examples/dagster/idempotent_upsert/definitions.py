"""Orders are merged by key and time of change; lines that cannot be read go to a dead-letter table, once.

What: one transaction with MERGE for the good and INSERT … ON CONFLICT for the bad, a limit on the share of bad lines.
When: the source sends changes, twice, late, or in the wrong order. A full extract of a day is better replaced by partition.
Run: dg launch --assets "*" -f definitions.py
Expect: 2 orders (order 2 at 1300), 2 dead letters, also after a second run; a file with half of its lines bad fails.
"""

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path

import dagster as dg
import duckdb

TABLES = """
CREATE TABLE IF NOT EXISTS orders (order_id BIGINT PRIMARY KEY, cents BIGINT NOT NULL, changed_at TIMESTAMP NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (line_hash VARCHAR PRIMARY KEY, line VARCHAR, reason VARCHAR, seen INTEGER);
CREATE TEMP TABLE arrived (order_id BIGINT, cents BIGINT, changed_at TIMESTAMP);
"""
NEWEST_WINS = """
MERGE INTO orders
USING (FROM arrived QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY changed_at DESC, cents) = 1) AS new
ON orders.order_id = new.order_id
WHEN MATCHED AND new.changed_at > orders.changed_at THEN UPDATE SET cents = new.cents, changed_at = new.changed_at
WHEN NOT MATCHED THEN INSERT VALUES (new.order_id, new.cents, new.changed_at)
RETURNING merge_action
"""
BURY = (
    "INSERT INTO dead_letters VALUES (?, ?, ?, 1) ON CONFLICT (line_hash) DO UPDATE SET seen = seen + 1, reason = excluded.reason"
)
LIMIT = 0.4  # share of bad lines from which the file is not believed


def read(line: str) -> tuple[int, int, datetime]:
    """Key, cents and time of change; raises ValueError, KeyError or TypeError with the reason."""
    row = json.loads(line)
    if not isinstance(row["order_id"], int):
        raise ValueError(f"order_id is {row['order_id']!r}")
    return row["order_id"], int(row["cents"]), datetime.fromisoformat(row["changed_at"])


def sort_out(lines: list[str]) -> tuple[list[tuple], list[tuple[str, str, str]]]:
    """Readable rows, and (hash, line, reason) of the others, each line once."""
    good, bad = [], {}
    for line in lines:
        try:
            good.append(read(line))
        except (ValueError, KeyError, TypeError) as error:
            key = hashlib.sha256(line.encode()).hexdigest()
            bad[key] = (key, line, f"{type(error).__name__}: {error}")
    return good, list(bad.values())


def bury(connection: duckdb.DuckDBPyConnection, bad: list[tuple[str, str, str]]) -> None:
    """Count each unreadable line; none is stored twice."""
    if bad:
        connection.executemany(BURY, bad)


@dg.asset(check_specs=[dg.AssetCheckSpec("few_dead_letters", asset="orders", blocking=True)])
def orders() -> dg.MaterializeResult:
    """The newest state of each order that the file could tell."""
    source = Path(os.environ.get("SHOP_ORDERS", Path(__file__).with_name("orders.jsonl")))
    lines = source.read_text().splitlines()
    good, bad = sort_out(lines)
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as connection:
        connection.execute(TABLES)
        if good:
            connection.executemany("INSERT INTO arrived VALUES (?, ?, ?)", good)
        connection.begin()  # a process that dies from here on leaves both tables as they were
        actions = [action for [action] in connection.execute(NEWEST_WINS).fetchall()]
        bury(connection, bad)
        connection.commit()
        [count] = connection.execute("SELECT count(*) FROM orders").fetchone()
    facts = {"dagster/row_count": count, "inserted": actions.count("INSERT"), "updated": actions.count("UPDATE")}
    passed = len(bad) <= LIMIT * len(lines)
    check = dg.AssetCheckResult(check_name="few_dead_letters", passed=passed, metadata={"bad": len(bad)})
    return dg.MaterializeResult(metadata=facts, check_results=[check])


defs = dg.Definitions(assets=[orders])
