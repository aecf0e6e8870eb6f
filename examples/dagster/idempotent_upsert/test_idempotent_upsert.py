"""Twice, late, in the wrong order, killed half-way: the tables end the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
from finished_run import changes_between
from run_assets import run_assets

KEPT = [(1, 450), (2, 1300)]
DIES_BETWEEN_THE_TABLES = """
import os, definitions
definitions.bury = lambda connection, bad: os._exit(9)
definitions.orders()
"""


def stored(folder: Path) -> tuple[list[tuple], int]:
    """Orders by key, and the number of dead letters."""
    with duckdb.connect(str(folder / "shop_data.duckdb")) as connection:
        orders = connection.execute("SELECT order_id, cents FROM orders ORDER BY ALL").fetchall()
        return orders, connection.execute("SELECT count(*) FROM dead_letters").fetchone()[0]


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Call with (order_id, cents, hour) of each line."""

    def write(*rows: tuple) -> None:
        lines = [json.dumps({"order_id": o, "cents": c, "changed_at": f"2026-03-01T{h:02}:00:00"}) for o, c, h in rows]
        (tmp_path / "orders.jsonl").write_text("\n".join(lines))
        monkeypatch.setenv("SHOP_ORDERS", str(tmp_path / "orders.jsonl"))

    return write


def test_a_second_run_changes_no_row(example: ModuleType, instance, tmp_path: Path) -> None:
    """Both tables are the same; the run itself says that it inserted nothing."""
    first = run_assets(example.defs, instance)
    tables = stored(tmp_path)
    second = run_assets(example.defs, instance)
    assert (tables, stored(tmp_path)) == ((KEPT, 2), (KEPT, 2))
    assert changes_between(first, second) == {"metadata.orders.inserted": (2, 0)}


def test_an_older_change_that_comes_late_is_ignored(example: ModuleType, instance, feed, tmp_path: Path) -> None:
    """Order 7 stays at its newest state, whatever comes later; a newer change is taken, also from one file twice."""
    for rows in [(7, 500, 12)], [(7, 600, 13), (7, 650, 14), (7, 600, 13)], [(7, 100, 9)]:
        feed(*rows)
        run_assets(example.defs, instance)
    assert stored(tmp_path) == ([(7, 650)], 0)


def test_a_killed_run_leaves_both_tables_and_a_new_one_completes_them(example: ModuleType, instance, tmp_path: Path) -> None:
    """The process ends between the two tables, with no chance to roll back."""
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    child = [sys.executable, "-c", DIES_BETWEEN_THE_TABLES]
    assert subprocess.run(child, cwd=tmp_path, env=here, timeout=300).returncode == 9
    assert stored(tmp_path) == ([], 0)
    run_assets(example.defs, instance)
    assert stored(tmp_path) == (KEPT, 2)


def test_too_many_bad_lines_fail_the_run_and_are_kept(example: ModuleType, instance, feed, tmp_path: Path) -> None:
    """Two of three lines are unreadable: the good one and the bad ones are stored, what follows is stopped."""
    feed((1, 450, 9), (2, "x", 9), ("three", 1, 9))
    run = run_assets(example.defs, instance)
    assert (run.status, run.checks["orders:few_dead_letters"].passed, stored(tmp_path)) == ("FAILURE", False, ([(1, 450)], 2))


def test_a_key_that_comes_twice_in_one_merge() -> None:
    """Silent: without QUALIFY two rows of a new key are both inserted where no key forbids it, and a match takes either."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE orders (order_id INT, cents INT)")
        merge = (
            "MERGE INTO orders USING (VALUES (1, 10), (1, 20)) AS new(order_id, cents) ON orders.order_id = new.order_id "
            "WHEN MATCHED THEN UPDATE SET cents = new.cents WHEN NOT MATCHED THEN INSERT VALUES (new.order_id, new.cents)"
        )
        connection.execute(merge)
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (2,)


def test_a_null_key_never_matches() -> None:
    """Silent: without a primary key, each run inserts the row without a key once more."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE orders (order_id INT)")
        for _ in range(2):
            connection.execute(
                "MERGE INTO orders USING (SELECT NULL::INT AS order_id) AS new ON orders.order_id = new.order_id "
                "WHEN NOT MATCHED THEN INSERT VALUES (new.order_id)"
            )
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (2,)
