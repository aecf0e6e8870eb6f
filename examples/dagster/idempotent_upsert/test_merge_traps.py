"""What a merge and a dead-letter table do without their one guarding word."""

from collections.abc import Iterator

import duckdb
import pytest

CHANGES = [("2026-03-02", 900), ("2026-03-01", 450)]  # the older change comes late


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize(("guard", "cents"), [("", 450), ("AND new.changed_at > orders.changed_at", 900)])
def test_trap_a_late_change_overwrites_the_newer_one(database: duckdb.DuckDBPyConnection, guard: str, cents: int) -> None:
    """Silent: MERGE takes what comes last, unless the dates are compared."""
    database.execute("CREATE TABLE orders (order_id INT PRIMARY KEY, cents INT, changed_at DATE)")
    for changed_at, value in CHANGES:
        database.execute(
            f"""MERGE INTO orders USING (SELECT 7 AS order_id, {value} AS cents, DATE '{changed_at}' AS changed_at) AS new
            ON orders.order_id = new.order_id
            WHEN MATCHED {guard} THEN UPDATE SET cents = new.cents, changed_at = new.changed_at
            WHEN NOT MATCHED THEN INSERT VALUES (new.order_id, new.cents, new.changed_at)"""
        )
    assert database.sql("FROM orders SELECT cents").fetchall() == [(cents,)]


@pytest.mark.parametrize(
    ("key", "conflict", "rows"), [("", "", [1, 1]), ("PRIMARY KEY", "ON CONFLICT (line) DO UPDATE SET seen = seen + 1", [2])]
)
def test_trap_dead_letters_grow_with_each_run(
    database: duckdb.DuckDBPyConnection, key: str, conflict: str, rows: list[int]
) -> None:
    """Silent: the same unreadable line is buried again by each run; with a key it is one row that counts."""
    database.execute(f"CREATE TABLE dead_letters (line VARCHAR {key}, seen INT)")
    for _ in range(2):
        database.execute(f"INSERT INTO dead_letters VALUES ('8;n/a', 1) {conflict}")
    assert [seen for [seen] in database.sql("FROM dead_letters SELECT seen").fetchall()] == rows
