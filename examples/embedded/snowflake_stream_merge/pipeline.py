"""A copy of a table that follows its updates, deletes and changed keys, by a stream and a MERGE.

What: orders_copy.sql is what Snowflake runs; here its MERGE runs in DuckDB against the stream rows of changes.csv.
When: the copy needs deletes, history or a procedure. Not for a SELECT: declare that (orders_current.sql).
Run: python pipeline.py, then snow sql -f orders_copy.sql
Expect: orders 1, 4, 5 and 30 with 110, 440, 500 and 300 cents; the same after the rows come a second time.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import sqlglot

HERE = Path(__file__).parent
BEFORE = "VALUES (1, 100), (2, 200), (3, 300), (4, 400)"


def task_body(sql: str) -> str:
    """What the task of a file runs: from its AS to the END before the next statement."""
    return re.search(r"\nAS\n(BEGIN\n.*?\nEND);", sql, re.DOTALL)[1]


def merge_statement(sql: str) -> str:
    """The MERGE of a task's body."""
    return re.search(r"MERGE INTO .*?;", task_body(sql), re.DOTALL)[0]


def rehearse(merge: str, times: int) -> list[tuple[int, int]]:
    """Orders and cents after the stream rows of changes.csv have come so many times."""
    with duckdb.connect() as database:
        database.execute("CREATE TABLE orders (order_id INT, cents INT, changed_at TIMESTAMP)")
        database.execute(f"INSERT INTO orders SELECT *, '2026-03-01 08:00:00' FROM ({BEFORE})")
        database.execute("CREATE TABLE orders_feed AS FROM read_csv(?)", [str(HERE / "changes.csv")])
        for _ in range(times):
            database.execute(sqlglot.transpile(merge, read="snowflake", write="duckdb")[0])
        return database.sql("SELECT order_id, cents FROM orders ORDER BY ALL").fetchall()


if __name__ == "__main__":
    statement = merge_statement((HERE / "orders_copy.sql").read_text())
    print(*(rehearse(statement, times) for times in (1, 2)), sep="\n")
