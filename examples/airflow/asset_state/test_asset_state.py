"""A run goes on where the last one ended, a failed one moves nothing, and changed columns stop before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from airflow.sdk import DAG, Asset, task
from run_dag import FinishedRun, rerun, run_dag

TRAPS = Path(__file__)
HEADER = "order_id,changed_at,cents"
FIRST = f"{HEADER}\n1,2026-03-02T08:00,1250\n2,2026-03-02T09:30,499\n"
CHANGED = f"{HEADER}\n1,2026-03-02T08:00,1\n2,2026-03-04T07:00,450\n4,2026-03-04T07:00,70\n"
PRICES = Asset("asset_state_prices")

with DAG("asset_state_too_early", params={"broken": False}):

    @task(outlets=[PRICES])
    def set_then_load(params=None, asset_state_store=None) -> str:
        before = asset_state_store.get("cursor", "none")
        asset_state_store.set("cursor", "2026-03-04")
        if params["broken"]:
            raise ConnectionError("the warehouse is away")
        return before

    set_then_load()

with DAG("asset_state_of_a_task"):

    @task
    def count(task_state_store=None, asset_state_store=None) -> list:
        before = task_state_store.get("runs", 0)
        task_state_store.set("runs", before + 1)
        return [before, asset_state_store is None]

    count()


Load = Callable[..., FinishedRun]


@pytest.fixture
def load(dag_file: Path, metadata_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Run the DAG on a source of this text."""
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.duckdb"))
    monkeypatch.setenv("SHOP_ORDERS", str(tmp_path / "orders.csv"))

    def load(text: str, **conf: object) -> FinishedRun:
        (tmp_path / "orders.csv").write_text(text)
        return run_dag(dag_file, conf=conf)

    return load


def orders(tmp_path: Path) -> list[tuple]:
    """What is loaded."""
    with duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True) as database:
        return database.execute("FROM orders ORDER BY order_id").fetchall()


def told(run: FinishedRun) -> dict:
    """The extra of the run's newest event."""
    *_, event = run.asset_events
    return event.extra


def test_a_run_goes_on_where_the_last_one_ended(load: Load, tmp_path: Path) -> None:
    """Order 1, which the source changed without a new time, is not read again; the others are."""
    cursors = [told(load(text))["cursor"] for text in (FIRST, CHANGED)]
    assert cursors == ["2026-03-02T09:30", "2026-03-04T07:00"]
    assert orders(tmp_path) == [
        (1, "2026-03-02T08:00", 1250),
        (2, "2026-03-04T07:00", 450),
        (4, "2026-03-04T07:00", 70),
    ]


def test_a_row_that_came_late_with_the_cursor_s_own_time_is_loaded(load: Load, tmp_path: Path) -> None:
    """From the cursor on, not after it; the merge makes the repeated row harmless."""
    load(FIRST)
    load(FIRST + "3,2026-03-02T09:30,800\n")
    assert [row[0] for row in orders(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("header", "change"),
    [("order_id,changed_at,amount", "cents: BIGINT -> gone"), (HEADER, "cents: BIGINT -> VARCHAR")],
)
def test_a_lost_or_retyped_column_stops_every_load(load: Load, tmp_path: Path, header: str, change: str) -> None:
    """Not only the first one; table, columns and cursor are as they were."""
    load(FIRST)
    runs = [load(f"{header}\n9,2026-03-09T08:00,{'nine' if header == HEADER else 9}\n") for _ in range(2)]
    assert [run.observed.errors["load"] for run in runs] == [f"AirflowFailException: columns changed: {change}"] * 2
    assert ([row[0] for row in orders(tmp_path)], told(load(FIRST))["cursor"]) == ([1, 2], "2026-03-02T09:30")


def test_an_accepted_change_loads_all_rows_anew(load: Load, tmp_path: Path) -> None:
    """By the run's parameter, once; then it is the standard."""
    load(FIRST)
    renamed = FIRST.replace("cents", "amount")
    changes = [told(load(renamed, accept_changes=True))["column_changes"], told(load(renamed))["column_changes"]]
    assert (changes, len(orders(tmp_path))) == ([["cents: BIGINT -> gone", "amount: new"], []], 2)


def test_a_new_column_is_told_and_filled(load: Load, tmp_path: Path) -> None:
    """Older rows have none."""
    load(FIRST)
    run = load(f"{HEADER},note\n5,2026-03-05T08:00,90,gift\n")
    assert told(run)["column_changes"] == ["note: new"]
    assert [row[3] for row in orders(tmp_path)] == [None, None, "gift"]


@pytest.mark.usefixtures("metadata_database")
def test_trap_what_is_set_stays_set_when_the_task_fails() -> None:
    """Set before the load, the cursor passes over rows that were never loaded: the run after it is green."""
    assert run_dag(TRAPS, dag_id="asset_state_too_early", conf={"broken": True}).state == "failed"
    assert run_dag(TRAPS, dag_id="asset_state_too_early").xcoms == {"set_then_load": "2026-03-04"}


def test_trap_a_cleared_run_goes_on_from_the_newest_cursor(load: Load, dag_file: Path, tmp_path: Path) -> None:
    """The state is the asset's, not the run's: an old run, cleared, does not load its own rows again."""
    first = load(FIRST)
    load(CHANGED)
    (tmp_path / "orders.csv").write_text(FIRST)
    again = rerun(dag_file, first.run_id)
    assert (told(again)["cursor"], orders(tmp_path)[1]) == ("2026-03-04T07:00", (2, "2026-03-04T07:00", 450))


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_task_s_state_is_of_one_run_and_an_asset_s_needs_an_asset() -> None:
    """`task_state_store` lives from try to try; without inlet or outlet the argument `asset_state_store` is None."""
    assert [run_dag(TRAPS, dag_id="asset_state_of_a_task").xcoms["count"] for _ in range(2)] == [[0, True]] * 2
