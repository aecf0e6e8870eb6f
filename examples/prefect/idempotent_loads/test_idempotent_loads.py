"""Whatever the order and number of loads, the tables are the same; bad rows are kept and not loaded."""

from __future__ import annotations

from datetime import date
from itertools import permutations
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
from concurrency_seen import Gauge
from finished_run import run_and_read

DAYS = [date(2026, 3, day) for day in (1, 2, 3)]


def tables(path: str = "shop_data.duckdb") -> tuple[list[tuple], list[tuple]]:
    """Orders and dead letters."""
    with duckdb.connect(path) as database:
        orders = database.execute("SELECT order_id, ordered_on::VARCHAR, total_cents FROM orders ORDER BY order_id").fetchall()
        return orders, database.execute("SELECT arrived_on::VARCHAR, order_id FROM dead_letters ORDER BY ALL").fetchall()


NEWEST = "QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC) = 1"
EXPECTED = (
    [(1, "2026-03-01", 1900), (2, "2026-03-01", 500), (3, "2026-03-02", 900), (5, "2026-03-01", 700)],
    [("2026-03-02", "4")],
)


def test_every_order_of_days_and_every_repeat_gives_the_same_tables(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six orders of three days, one of them twice: the late correction of order 1 is never undone by its first version."""
    example.backfill(DAYS[0], DAYS[0])
    for number, days in enumerate(permutations(DAYS)):
        monkeypatch.setenv("SHOP_DATABASE", f"{number}.duckdb")
        for day in (*days, days[0]):
            example.load.fn(day)
    assert [tables(f"{number}.duckdb") for number in range(6)] == [EXPECTED] * 6


def test_backfill_writes_one_day_at_a_time(example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tasks at once, one connection at a time; again, the same tables."""
    gauge = Gauge()
    monkeypatch.setattr(example.duckdb, "connect", gauge.watch(example.duckdb.connect))
    runs = [run_and_read(example.backfill) for _ in range(2)]
    monkeypatch.undo()
    assert [(run.state.name, run.result) for run in runs] == [("Completed", 1)] * 2
    assert (gauge.calls, gauge.most) == (6, 1)


def test_corrected_row_leaves_the_dead_letters(example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day is sent again without its mistake: the order is loaded and its dead letter gone."""
    monkeypatch.setattr(example, "ARRIVALS", tmp_path)
    header = "order_id,ordered_on,total_cents,updated_at"
    seen = []
    for cents in ("many", "350"):
        (tmp_path / "2026-03-02.csv").write_text(f"{header}\n4,2026-03-02,{cents},2026-03-02T09:30:00\n")
        example.backfill(DAYS[1], DAYS[1])
        seen.append(tables())
    assert seen == [([], [("2026-03-02", "4")]), ([(4, "2026-03-02", 350)], [])]


@pytest.mark.parametrize(
    ("left_out", "cents"),
    [("", [1900, 500]), ("WHERE excluded.updated_at > orders.updated_at", [1800, 500]), (NEWEST, [1900, 450])],
    ids=["right", "silent: a repeated old day undoes the correction", "silent: DuckDB keeps the first of two in a batch"],
)
def test_old_versions(example: ModuleType, monkeypatch: pytest.MonkeyPatch, left_out: str, cents: list[int]) -> None:
    """The third day corrects order 1; then the first day is loaded once more."""
    assert left_out in example.UPSERT
    monkeypatch.setattr(example, "UPSERT", example.UPSERT.replace(left_out, ""))
    example.backfill()
    example.backfill(DAYS[0], DAYS[0])
    assert [order[2] for order in tables()[0][:2]] == cents


def test_days_the_wrong_way_round_are_refused(example: ModuleType) -> None:
    """An empty range would be green and load nothing."""
    state = example.backfill(DAYS[2], DAYS[0], return_state=True)
    assert (state.name, "is before first" in state.message) == ("Failed", True)
