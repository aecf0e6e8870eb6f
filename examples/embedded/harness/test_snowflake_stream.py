"""The stream simulator shows what a stream holds, when it is consumed, and which MERGE loses changes."""

from __future__ import annotations

import random

import pytest
from snowflake_merge import DuplicateRowError
from snowflake_stream import Snowflake

LOAD_AND_STREAM = """
CREATE SCHEMA raw;
CREATE TABLE raw.orders (order_id NUMBER(10, 0), cents NUMBER(10, 0), note VARCHAR);
CREATE TABLE orders (order_id NUMBER(10, 0), cents NUMBER(10, 0));
INSERT INTO raw.orders VALUES (1, 100, 'a'), (2, 200, NULL);
INSERT INTO orders SELECT order_id, cents FROM raw.orders;
CREATE OR REPLACE STREAM orders_stream ON TABLE raw.orders;
"""
CHANGE_ALL_WAYS = """
UPDATE raw.orders SET cents = 101 WHERE order_id = 1;
DELETE FROM raw.orders WHERE order_id = 2;
INSERT INTO raw.orders VALUES (3, 300, 'c');
"""
MERGE_ALL_CHANGES = """
MERGE INTO orders t
USING (SELECT * FROM orders_stream
       QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY METADATA$ACTION DESC) = 1) s
ON t.order_id = s.order_id
WHEN MATCHED AND s.METADATA$ACTION = 'DELETE' THEN DELETE
WHEN MATCHED THEN UPDATE SET t.cents = s.cents
WHEN NOT MATCHED AND s.METADATA$ACTION = 'INSERT' THEN INSERT (order_id, cents) VALUES (s.order_id, s.cents)
"""
MERGE_INSERTS_ONLY = """
MERGE INTO orders t
USING (SELECT * FROM orders_stream WHERE METADATA$ACTION = 'INSERT') s
ON t.order_id = s.order_id
WHEN MATCHED THEN UPDATE SET cents = s.cents
WHEN NOT MATCHED THEN INSERT (order_id, cents) VALUES (s.order_id, s.cents)
"""
MERGE_EVERY_ROW = MERGE_INSERTS_ONLY.replace("(SELECT * FROM orders_stream WHERE METADATA$ACTION = 'INSERT')", "orders_stream")


@pytest.fixture
def changed(snowflake: Snowflake) -> Snowflake:
    """Two orders were loaded; since then one was updated, one deleted, one added."""
    snowflake.execute(LOAD_AND_STREAM)
    snowflake.execute(CHANGE_ALL_WAYS)
    return snowflake


def test_a_stream_holds_the_net_change_with_its_metadata(changed: Snowflake) -> None:
    """An update is a pair that shares its row id; deletes and inserts stand alone."""
    rows = changed.changes("orders_stream")
    shown = [(r["order_id"], r["cents"], r["METADATA$ACTION"], r["METADATA$ISUPDATE"]) for r in rows]
    assert shown == [
        (1, 100, "DELETE", True),
        (1, 101, "INSERT", True),
        (2, 200, "DELETE", False),
        (3, 300, "INSERT", False),
    ]
    ids = [row["METADATA$ROW_ID"] for row in rows]
    assert (ids[0] == ids[1], len(set(ids))) == (True, 3)


def test_a_row_that_came_and_went_is_absent(snowflake: Snowflake) -> None:
    """Between two offsets only the difference counts: inserted and updated is one insert, and deleted is nothing."""
    snowflake.execute(LOAD_AND_STREAM)
    snowflake.execute("INSERT INTO raw.orders VALUES (3, 1, NULL), (4, 1, NULL)")
    snowflake.execute("UPDATE raw.orders SET cents = 2 WHERE order_id = 3; DELETE FROM raw.orders WHERE order_id = 4")
    rows = snowflake.changes("orders_stream")
    assert [(r["order_id"], r["cents"], r["METADATA$ISUPDATE"]) for r in rows] == [(3, 2, False)]


def test_an_append_only_stream_never_shows_a_delete(snowflake: Snowflake) -> None:
    """Its consumer cannot keep a copy of a table that is also updated or deleted from."""
    snowflake.execute(LOAD_AND_STREAM)
    snowflake.execute("CREATE STREAM added ON TABLE raw.orders APPEND_ONLY = TRUE")
    snowflake.execute(CHANGE_ALL_WAYS)
    rows = snowflake.changes("added")
    assert [(r["order_id"], r["METADATA$ACTION"]) for r in rows] == [(3, "INSERT")]


@pytest.mark.parametrize(
    ("merge", "left"),
    [(MERGE_ALL_CHANGES, [(1, 101), (3, 300)]), (MERGE_INSERTS_ONLY, [(1, 101), (2, 200), (3, 300)])],
)
def test_a_merge_that_ignores_deletes_is_seen(changed: Snowflake, merge: str, left: list[tuple[int, int]]) -> None:
    """Both run without an error; one leaves order 2, which is gone upstream."""
    changed.execute(merge)
    assert changed.execute("SELECT order_id, cents FROM orders ORDER BY 1") == left
    assert not changed.has_data("orders_stream")


def test_a_merge_that_meets_both_halves_of_an_update_is_refused(changed: Snowflake) -> None:
    """As in Snowflake; nothing is changed and the stream keeps its rows."""
    with pytest.raises(DuplicateRowError, match="'order_id': 1"):
        changed.execute(MERGE_EVERY_ROW)
    assert changed.execute("SELECT * FROM orders ORDER BY 1") == [(1, 100), (2, 200)]
    assert len(changed.changes("orders_stream")) == 4


def test_a_reload_by_delete_and_insert_is_no_update(snowflake: Snowflake) -> None:
    """Both rows lack METADATA$ISUPDATE, so a MERGE that drops only the halves of updates meets the key twice."""
    snowflake.execute(LOAD_AND_STREAM)
    snowflake.execute("DELETE FROM raw.orders WHERE order_id = 1; INSERT INTO raw.orders VALUES (1, 150, NULL)")
    by_flag = MERGE_INSERTS_ONLY.replace("= 'INSERT'", "= 'INSERT' OR NOT METADATA$ISUPDATE")
    with pytest.raises(DuplicateRowError):
        snowflake.execute(by_flag)
    snowflake.execute(MERGE_ALL_CHANGES)
    assert snowflake.execute("SELECT * FROM orders ORDER BY 1") == [(1, 150), (2, 200)]


def test_several_source_rows_that_only_delete_or_insert_are_fine(snowflake: Snowflake) -> None:
    """A doubled source row is ambiguous only for an update: deletes agree, and inserts make two rows."""
    snowflake.execute("CREATE TABLE t (id INT); INSERT INTO t VALUES (1)")
    snowflake.execute("CREATE TABLE s (id INT); INSERT INTO s VALUES (1), (1), (2), (2)")
    snowflake.execute(
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
    )
    assert snowflake.execute("SELECT id FROM t") == [(2,), (2,)]


def test_only_dml_consumes_and_it_consumes_all(changed: Snowflake) -> None:
    """A SELECT leaves the stream as it is; an INSERT of one row out of four takes all four."""
    changed.execute("SELECT * FROM orders_stream")
    assert len(changed.changes("orders_stream")) == 4
    changed.execute("INSERT INTO orders SELECT order_id, cents FROM orders_stream WHERE order_id = 3")
    assert changed.changes("orders_stream") == []


def test_a_failed_or_rolled_back_transaction_consumes_nothing(changed: Snowflake) -> None:
    """The next run of the task sees the same rows again."""
    reading = "INSERT INTO orders SELECT order_id, cents FROM orders_stream"
    with pytest.raises(Exception, match="no_such_table"):
        changed.execute(f"BEGIN TRANSACTION; {reading}; INSERT INTO no_such_table VALUES (1); COMMIT;")
    changed.execute(f"BEGIN; {reading}; ROLLBACK;")
    with pytest.raises(RuntimeError, match="add COMMIT"):
        changed.execute(f"BEGIN TRANSACTION; {reading};")
    assert len(changed.changes("orders_stream")) == 4
    assert changed.execute("SELECT count(*) FROM orders") == [(2,)]


TWO_READERS = """
    INSERT INTO history SELECT order_id FROM orders_stream;
    INSERT INTO audit SELECT order_id FROM orders_stream;
"""


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        (f"BEGIN {TWO_READERS} END", (4, 0)),
        (f"BEGIN BEGIN TRANSACTION; {TWO_READERS} COMMIT; END;", (4, 4)),
    ],
)
def test_the_second_reader_in_a_block_sees_nothing_without_a_transaction(
    changed: Snowflake, body: str, counts: tuple[int, int]
) -> None:
    """BEGIN ... END is no transaction: its first DML consumes the stream."""
    changed.execute("CREATE TABLE history (order_id INT); CREATE TABLE audit (order_id INT)")
    changed.execute(body)
    assert changed.execute("SELECT (SELECT count(*) FROM history), (SELECT count(*) FROM audit)") == [counts]


def test_a_failing_second_statement_loses_what_the_first_consumed(changed: Snowflake) -> None:
    """In a block without a transaction the first statement stays committed and the stream is empty for the retry."""
    changed.execute("CREATE TABLE history (order_id INT)")
    with pytest.raises(Exception, match="no_such_table"):
        changed.execute("BEGIN INSERT INTO history SELECT order_id FROM orders_stream; INSERT INTO no_such_table VALUES (1); END")
    assert changed.execute("SELECT count(*) FROM history") == [(4,)]
    assert changed.changes("orders_stream") == []


def test_changes_made_while_a_transaction_reads_stay_for_the_next_one(changed: Snowflake) -> None:
    """Inside a transaction a stream shows its rows as of the beginning; the offset moves there."""
    changed.execute(
        "CREATE TABLE history (order_id INT);"
        "BEGIN TRANSACTION; INSERT INTO raw.orders VALUES (4, 400, NULL);"
        "INSERT INTO history SELECT order_id FROM orders_stream; COMMIT"
    )
    assert changed.execute("SELECT count(*) FROM history WHERE order_id = 4") == [(0,)]
    assert [row["order_id"] for row in changed.changes("orders_stream")] == [4]


def test_two_streams_on_one_table_have_their_own_offsets(changed: Snowflake) -> None:
    """One consumer does not take another's rows."""
    changed.execute("CREATE STREAM other ON TABLE raw.orders")
    changed.execute("INSERT INTO raw.orders VALUES (5, 500, NULL)")
    changed.execute(MERGE_ALL_CHANGES)
    assert (changed.has_data("orders_stream"), len(changed.changes("other"))) == (False, 1)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [("id INT PRIMARY KEY", "has a key"), ("id INT, tags INT[]", r"nested columns \['tags'\]")],
)
def test_a_table_whose_rows_cannot_be_followed_is_refused(snowflake: Snowflake, columns: str, reason: str) -> None:
    """An update of such a row would look like a delete and an insert of another row."""
    snowflake.connection.execute(f"CREATE TABLE t ({columns})")
    with pytest.raises(ValueError, match=reason):
        snowflake.create_stream("s", "t")


def test_scripting_is_refused_with_the_statement(snowflake: Snowflake) -> None:
    """A CALL cannot run here, and the message shows it."""
    with pytest.raises(ValueError, match="CALL refresh"):
        snowflake.execute("CALL refresh()")


def test_the_net_change_equals_a_comparison_by_key(snowflake: Snowflake) -> None:
    """200 random changes in 20 rounds: the stream agrees with a dictionary, whatever DuckDB does to its rows."""
    random.seed(7)
    snowflake.execute("CREATE TABLE t (id INT, v VARCHAR); CREATE TABLE sink (id INT)")
    snowflake.execute("CREATE STREAM s ON TABLE t")
    rows: dict[int, str] = {}
    for turn in range(20):
        before = dict(rows)
        for key in random.choices(range(8), k=10):
            key = key if key in rows or key not in before else key + 1000 * (turn + 1)
            if key not in rows:
                snowflake.connection.execute("INSERT INTO t VALUES (?, ?)", [key, "new" * turn])
                rows[key] = "new" * turn
            elif random.random() < 0.5:
                text = "x" * random.randint(0, 40)
                snowflake.connection.execute("UPDATE t SET v = ? WHERE id = ?", [text, key])
                rows[key] = text
            else:
                snowflake.connection.execute("DELETE FROM t WHERE id = ?", [key])
                del rows[key]
        seen = {(r["id"], r["v"], r["METADATA$ACTION"], r["METADATA$ISUPDATE"]) for r in snowflake.changes("s")}
        deleted = {(k, v, "DELETE", k in rows) for k, v in before.items() if rows.get(k) != v}
        inserted = {(k, v, "INSERT", k in before) for k, v in rows.items() if before.get(k) != v}
        assert seen == deleted | inserted, f"round {turn}"
        snowflake.execute("INSERT INTO sink SELECT id FROM s")
