"""The copy equals its source after any change and any re-run; the forms that many write lose, keep or double rows."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
import sqlglot
from snowflake_merge import DuplicateRowError
from snowflake_stream import Snowflake

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.with_name("snowflake_task_graph")))

from task_linter import task_problems  # noqa: E402

COPY = (HERE / "orders_copy.sql").read_text()
TABLES = """
CREATE TABLE raw_orders (order_id INT, cents INT, changed_at TIMESTAMP); CREATE STREAM orders_feed ON TABLE raw_orders;
CREATE TABLE orders (order_id INT, cents INT, changed_at TIMESTAMP);
CREATE TABLE order_changes (order_id INT, cents INT, action VARCHAR);
INSERT INTO raw_orders VALUES (1, 100, '2026-03-01'), (2, 200, '2026-03-01'), (3, 300, '2026-03-01'), (4, 400, '2026-03-01');
"""
UPDATE = "UPDATE raw_orders SET cents = 110, changed_at = '2026-03-02' WHERE order_id = 1;"
DELETE = "DELETE FROM raw_orders WHERE order_id = 2;"
NEW_KEY = "UPDATE raw_orders SET order_id = 30 WHERE order_id = 3;"
MADE_AGAIN = "DELETE FROM raw_orders WHERE order_id = 4; INSERT INTO raw_orders VALUES (4, 440, '2026-03-02');"
INSERT = "INSERT INTO raw_orders VALUES (5, 500, '2026-03-02');"
EVERY_CHANGE = UPDATE + DELETE + NEW_KEY + MADE_AGAIN + INSERT

INSERTED_ONLY = "INSERT INTO orders SELECT order_id, cents, changed_at FROM orders_feed WHERE METADATA$ACTION = 'INSERT'"
MERGE = "MERGE INTO orders t USING {} s ON t.order_id = s.order_id "
UPSERT = """WHEN MATCHED AND s.METADATA$ACTION = 'INSERT' THEN UPDATE SET cents = s.cents, changed_at = s.changed_at
WHEN NOT MATCHED AND s.METADATA$ACTION = 'INSERT' THEN
  INSERT (order_id, cents, changed_at) VALUES (s.order_id, s.cents, s.changed_at)"""
NO_DELETE = MERGE.format("orders_feed") + UPSERT
BOTH_HALVES = MERGE.format("orders_feed") + "WHEN MATCHED AND s.METADATA$ACTION = 'DELETE' THEN DELETE " + UPSERT
BY_ISUPDATE = BOTH_HALVES.replace("'DELETE' THEN", "'DELETE' AND NOT s.METADATA$ISUPDATE THEN")


@pytest.fixture
def pipeline() -> ModuleType:
    """The entry file, under a name of its own."""
    spec = importlib.util.spec_from_file_location("snowflake_stream_merge_pipeline", HERE / "pipeline.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def body(pipeline: ModuleType) -> str:
    """What the task runs."""
    return pipeline.task_body(COPY)


@pytest.fixture
def copied(snowflake: Snowflake, body: str) -> Snowflake:
    """Four orders, copied by the task's first run."""
    snowflake.execute(TABLES)
    snowflake.execute(body)
    return snowflake


def rows(database: Snowflake, table: str) -> list[tuple[object, ...]]:
    return database.execute(f"SELECT order_id, cents FROM {table} ORDER BY order_id, cents")


@pytest.mark.parametrize("change", [UPDATE, DELETE, NEW_KEY, MADE_AGAIN, INSERT, EVERY_CHANGE, DELETE + UPDATE, INSERT + DELETE])
def test_the_copy_follows_every_change(copied: Snowflake, body: str, change: str) -> None:
    """After the run the copy is the source; a second run, without rows, changes nothing."""
    copied.execute(change)
    for _ in range(2):
        copied.execute(body)
        assert rows(copied, "orders") == rows(copied, "raw_orders")
    assert not copied.has_data("orders_feed")


def test_random_changes_are_followed(snowflake: Snowflake, body: str) -> None:
    """Ten rounds of mixed changes, keys that move and come back included."""
    random.seed(11)
    snowflake.execute(TABLES)
    for turn in range(10):
        for key in random.choices(range(1, 9), k=3):
            free = 100 * turn + key + 10
            snowflake.execute(random.choice([
                f"UPDATE raw_orders SET cents = cents + {turn} WHERE order_id = {key}",
                f"DELETE FROM raw_orders WHERE order_id = {key}",
                f"UPDATE raw_orders SET order_id = {free} WHERE order_id = {key}",
                f"DELETE FROM raw_orders WHERE order_id = {key}; INSERT INTO raw_orders VALUES ({key}, {turn}, '2026-03-02')",
            ]))  # fmt: skip
        snowflake.execute(body)
        assert rows(snowflake, "orders") == rows(snowflake, "raw_orders"), f"round {turn}"


def test_rows_that_come_twice_change_nothing_more(pipeline: ModuleType) -> None:
    """The MERGE itself is idempotent: the same stream rows again, as after a restored copy, give the same table."""
    merge = pipeline.merge_statement(COPY)
    once, twice = (pipeline.rehearse(merge, times) for times in (1, 2))
    assert once == twice == [(1, 110), (4, 440), (5, 500), (30, 300)]
    doubled = pipeline.rehearse(INSERTED_ONLY, 2)
    assert [doubled.count((5, 500)), doubled.count((1, 110))] == [2, 2]


def test_a_failed_run_is_made_up_by_the_next(copied: Snowflake, body: str) -> None:
    """The second statement fails: the transaction gives copy and stream back, and the next run catches up."""
    copied.execute(EVERY_CHANGE)
    before = rows(copied, "orders")
    with pytest.raises(duckdb.CatalogException):
        copied.execute(body.replace("INSERT INTO order_changes", "INSERT INTO no_such_table"))
    assert (rows(copied, "orders"), copied.has_data("orders_feed")) == (before, True)
    copied.execute(body)
    assert rows(copied, "orders") == rows(copied, "raw_orders")
    assert copied.execute("SELECT count(*) FROM order_changes") == [(4 + 8,)]


def test_without_the_transaction_the_history_gets_nothing(copied: Snowflake, body: str) -> None:
    """BEGIN ... END alone: the MERGE consumes the stream before the second statement reads it."""
    copied.execute(UPDATE)
    copied.execute(body.replace("BEGIN TRANSACTION;", "").replace("COMMIT;", ""))
    assert copied.execute("SELECT count(*) FROM order_changes") == [(4,)]


# --- forms that many write


@pytest.mark.parametrize(
    ("form", "change", "left"),
    [
        (INSERTED_ONLY, UPDATE, [(1, 100), (1, 110), (2, 200), (3, 300), (4, 400)]),
        (NO_DELETE, DELETE, [(1, 100), (2, 200), (3, 300), (4, 400)]),
        (NO_DELETE, NEW_KEY, [(1, 100), (2, 200), (3, 300), (4, 400), (30, 300)]),
        (BY_ISUPDATE, NEW_KEY, [(1, 100), (2, 200), (3, 300), (4, 400), (30, 300)]),
    ],
    ids=["insert doubles an update", "no delete", "no delete, new key", "ISUPDATE keeps the old key"],
)
def test_a_wrong_form_leaves_wrong_rows(
    copied: Snowflake, body: str, form: str, change: str, left: list[tuple[int, int]]
) -> None:
    """Silent: the statement succeeds, the stream is consumed, and the copy is not the source."""
    copied.execute(change)
    copied.execute(form)
    assert (rows(copied, "orders"), copied.has_data("orders_feed")) == (left, False)
    assert rows(copied, "orders") != rows(copied, "raw_orders")
    copied.execute(body)
    assert rows(copied, "orders") == left, "a right run afterwards finds nothing to mend it with"


@pytest.mark.parametrize(("form", "change"), [(BOTH_HALVES, UPDATE), (BY_ISUPDATE, MADE_AGAIN)])
def test_a_wrong_form_stops_at_the_second_row_of_a_key(copied: Snowflake, form: str, change: str) -> None:
    """Loud: the key has a DELETE and an INSERT. Snowflake refuses, DuckDB alone would let the last one win."""
    copied.execute(change)
    with pytest.raises(DuplicateRowError, match="Duplicate row detected during DML action"):
        copied.execute(form)
    assert copied.has_data("orders_feed")


def test_a_filter_consumes_what_it_leaves_out(copied: Snowflake, body: str) -> None:
    """A WHERE on the stream does not keep the other rows for the next run."""
    copied.execute(EVERY_CHANGE)
    copied.execute(body.replace("SELECT * FROM orders_feed", "SELECT * FROM orders_feed WHERE order_id < 3"))
    assert (copied.has_data("orders_feed"), (5, 500) in rows(copied, "orders")) == (False, False)


def test_a_replaced_stream_forgets(copied: Snowflake, body: str) -> None:
    """CREATE OR REPLACE STREAM in a deployment drops the changes that were not merged yet."""
    copied.execute(EVERY_CHANGE)
    copied.execute("CREATE OR REPLACE STREAM orders_feed ON TABLE raw_orders")
    copied.execute(body)
    assert rows(copied, "orders") != rows(copied, "raw_orders")
    assert "STREAM IF NOT EXISTS" in COPY


# --- the files


def test_the_dynamic_table_declares_the_same_copy(snowflake: Snowflake) -> None:
    """Its SELECT gives the newest version of each order that is not deleted, whatever came in between."""
    snowflake.execute("CREATE TABLE order_versions (order_id INT, cents INT, changed_at TIMESTAMP, is_deleted BOOLEAN)")
    snowflake.execute("INSERT INTO order_versions VALUES (1, 110, '2026-03-02', FALSE), (1, 100, '2026-03-01', FALSE),"
                      " (2, 200, '2026-03-01', FALSE), (2, 200, '2026-03-02', TRUE), (3, 300, '2026-03-01', FALSE)")  # fmt: skip
    declared = sqlglot.parse_one((HERE / "orders_current.sql").read_text(), read="snowflake")
    assert sorted(snowflake.execute(declared.expression.sql("snowflake")))[0][:2] == (1, 110)
    assert [row[0] for row in sorted(snowflake.execute(declared.expression.sql("snowflake")))] == [1, 3]


@pytest.mark.parametrize("name", ["orders_copy.sql", "orders_current.sql"])
def test_the_files_are_in_order(name: str) -> None:
    """Task, stream and dynamic table pass the checks of snowflake_task_graph."""
    assert task_problems((HERE / name).read_text()) == []
