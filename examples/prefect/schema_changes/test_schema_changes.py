"""Only what is new or late is read, a broken column stops the load before it writes, and a load that dies is done again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
from finished_run import run_and_read
from prefect.artifacts import Artifact
from prefect.variables import Variable
from prefect_server import PrefectServer

FIRST = ["1,2026-03-01,1800", "2,2026-03-01,450", "3,2026-03-10,900"]
Arrive = Callable[..., Path]


@pytest.fixture
def arrive(clean_server: PrefectServer, example: ModuleType, tmp_path: Path) -> Arrive:
    """Write the file anew, with these rows below this head; the database is this test's, the server has no state."""

    def write(*rows: str, head: str = "order_id,day,cents") -> Path:
        (tmp_path / "orders.csv").write_text("\n".join([head, *rows]) + "\n")
        return tmp_path / "orders.csv"

    return write


def orders() -> list[int]:
    with duckdb.connect("shop_data.duckdb", read_only=True) as shop:
        return [cents for (cents,) in shop.sql("SELECT cents FROM orders ORDER BY order_id").fetchall()]


def test_only_the_overlap_and_what_is_new_are_read(example: ModuleType, arrive: Arrive) -> None:
    """The second run reads one day again; a row that comes two days late is loaded, and a changed one replaced."""
    assert example.load_orders(arrive(*FIRST)) == 3
    assert example.load_orders(arrive(*FIRST)) == 1
    assert example.load_orders(arrive(*FIRST[:2], "3,2026-03-10,950", "4,2026-03-08,300", "5,2026-03-11,100")) == 3
    assert (orders(), example.LoadState.read().until) == ([1800, 450, 950, 300, 100], date(2026, 3, 11))


def test_trap_what_is_later_than_the_overlap_is_never_read(example: ModuleType, arrive: Arrive) -> None:
    """Silent: green, and the row is not there. A load without the state finds it."""
    example.load_orders(arrive(*FIRST))
    late = arrive(*FIRST, "4,2026-03-06,300")
    assert (example.load_orders(late), orders()) == (1, [1800, 450, 900])
    Variable.unset("orders_load")
    assert (example.load_orders(late), orders()) == (4, [1800, 450, 900, 300])


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("order_id,day,amount", "4,2026-03-11,5", "cents: BIGINT -> gone"),
        ("order_id,day,cents", "4,2026-03-11,n/a", "cents: BIGINT -> VARCHAR"),
    ],
)
def test_a_broken_column_stops_before_the_write(example: ModuleType, arrive: Arrive, head: str, row: str, said: str) -> None:
    """Rows and state are those of the good load; the artifact says what was lost."""
    example.load_orders(arrive(*FIRST))
    before = example.LoadState.read()
    run = run_and_read(example.load_orders, path=arrive(*FIRST, row, head=head))
    assert (run.state.name, str(run.result)) == ("Failed", f"columns changed: {said}")
    assert (orders(), example.LoadState.read()) == ([1800, 450, 900], before)
    assert said in str(Artifact.get("orders-columns").data)


def test_a_new_column_is_recorded_and_let_through(example: ModuleType, arrive: Arrive) -> None:
    """From then on it is a column that may not go, unless the change is accepted."""
    example.load_orders(arrive(*FIRST))
    assert example.load_orders(arrive(*[f"{row},chf" for row in FIRST], head="order_id,day,cents,currency")) == 1
    assert "currency: new, VARCHAR" in str(Artifact.get("orders-columns").data)
    assert run_and_read(example.load_orders, path=arrive(*FIRST)).state.name == "Failed"
    assert example.load_orders(arrive(*FIRST), accept_changes=True) == 1


def test_a_load_that_dies_before_it_remembers_is_done_again(example: ModuleType, arrive: Arrive) -> None:
    """The rows were written, the state was not: the next run reads them again and changes nothing."""
    path = arrive(*FIRST)
    example.write_rows(path, date.min)
    assert (orders(), Variable.get("orders_load")) == ([1800, 450, 900], None)
    assert (example.load_orders(path), orders()) == (3, [1800, 450, 900])
