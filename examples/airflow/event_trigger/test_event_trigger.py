"""Over several looks each landed file gets exactly one run, whatever its name and however often we look."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from run_dag import FinishedRun, run_dag
from scheduler_steps import register_dag_file, run_queued

LOADED = ("success", {"load": 1})


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty landing folder; the shop database lies beside it."""
    folder = tmp_path / "landing"
    folder.mkdir()
    monkeypatch.setenv("SHOP_LANDING", str(folder))
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.duckdb"))
    return folder


def land(landing: Path, name: str, order_id: int) -> None:
    """Put a file with one order into the landing folder."""
    (landing / name).write_text(f"order_id,cents\n{order_id},100\n")


def look(dag_file: Path) -> FinishedRun:
    """One run of the watcher; it queues runs of the loader in the metadata database."""
    return run_dag(dag_file, None, dag_id="watch_landing")


def load_queued(dag_file: Path) -> dict[str, tuple[str, dict[str, object]]]:
    """Run what is queued; run id -> state and XComs."""
    queued = run_queued(dag_file, "load_order_file")
    return {run_id: (run.state, run.xcoms) for run_id, (run, _) in queued.items()}


@pytest.mark.usefixtures("metadata_database")
def test_each_file_gets_one_run(dag_file: Path, landing: Path) -> None:
    """Two files, a look before they were loaded, a late file whose name sorts first, a look without news."""
    register_dag_file(dag_file)
    land(landing, "orders-03.csv", 3)
    land(landing, "orders-04.csv", 4)
    assert look(dag_file).state == "success"
    again = look(dag_file)
    assert (again.task_states["start_load[0]"], again.task_states["start_load[1]"]) == ("skipped", "skipped")
    assert load_queued(dag_file) == {"file__orders-03.csv": LOADED, "file__orders-04.csv": LOADED}
    land(landing, "orders-01.csv", 1)
    look(dag_file)
    assert load_queued(dag_file) == {"file__orders-01.csv": LOADED}
    look(dag_file)
    assert load_queued(dag_file) == {}
    with duckdb.connect(str(landing.parent / "shop.duckdb"), read_only=True) as shop:
        loaded = shop.execute("SELECT order_id, file FROM landed_orders ORDER BY 1").fetchall()
    assert loaded == [(1, "orders-01.csv"), (3, "orders-03.csv"), (4, "orders-04.csv")]


@pytest.mark.usefixtures("metadata_database")
def test_a_name_that_is_no_run_id_fails_alone_and_loudly(dag_file: Path, landing: Path) -> None:
    """Airflow refuses a space in a run id: the look fails, and the other file still gets its run."""
    register_dag_file(dag_file)
    land(landing, "new orders.csv", 1)
    land(landing, "orders-03.csv", 3)
    run = look(dag_file)
    states = {name: run.task_states[f"start_load[{index}]"] for index, name in enumerate(["bad", "good"])}
    assert (run.state, states) == ("failed", {"bad": "failed", "good": "success"})
    assert load_queued(dag_file) == {"file__orders-03.csv": LOADED}
