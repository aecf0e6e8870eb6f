"""What a setup made is taken down after success and failure alike, and what is left over fails the run."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from airflow.sdk import DAG, TaskGroup, setup, task, task_group, teardown
from run_dag import rerun, run_dag

TRAPS = Path(__file__)


def step(task_id: str, fails: bool = False):
    """A task that does nothing, or fails."""
    return task(task_id=task_id)(lambda: 1 / 0 if fails else None)()


def pair(fails: bool = False, setup_fails: bool = False):
    """A setup and a teardown."""
    made = setup(task(task_id="make")(lambda: 1 / 0 if setup_fails else None))()
    return made, teardown(task(task_id="remove")(lambda: 1 / 0 if fails else None))()


with DAG("setup_and_teardown_left_over"):
    made, removed = pair(fails=True)
    made >> step("work") >> removed
    made >> removed

with DAG("setup_and_teardown_failed_setup"):
    made, removed = pair(setup_fails=True)
    made >> step("work") >> removed
    made >> removed

with DAG("setup_and_teardown_group"):
    with TaskGroup("cluster") as cluster:
        made, removed = pair(fails=True)
        made >> step("work") >> removed
        made >> removed
    cluster >> step("after_group")
    removed >> step("after_teardown")

with DAG("setup_and_teardown_mapped_group"):

    @task_group
    def per_shop(shop: str):
        first = task(task_id="first")(lambda shop: 1 / 0 if shop == "bad" else shop)(shop)
        return task(task_id="second")(lambda shop: shop)(first)

    with_gap = task(task_id="all_done", trigger_rule="all_done")(lambda shops: list(shops))
    with_gap(per_shop.expand(shop=["a", "bad", "c"]))


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata_database: Path) -> Path:
    """The database the scratch tables are in."""
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.duckdb"))
    return tmp_path / "shop.duckdb"


def tables(shop: Path) -> list[str]:
    """The scratch tables that are still there."""
    with duckdb.connect(str(shop), read_only=True) as connection:
        return [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]


def test_nothing_is_left_after_success(dag_file: Path, shop: Path) -> None:
    """Both shops were summed from their tables, which are gone."""
    run = run_dag(dag_file)
    assert (run.state, run.xcoms["total"], tables(shop)) == ("success", 1749, [])


def test_nothing_is_left_after_a_failure(dag_file: Path, shop: Path) -> None:
    """The failed shop's teardown ran, and the run is red because of the copy."""
    run = run_dag(dag_file, conf={"broken": "oslo"})
    states = [run.task_states[f"copy_shop.{name}[1]"] for name in ("create", "copy", "drop")]
    assert (run.state, states, tables(shop)) == ("failed", ["success", "failed", "success"], [])


def test_what_is_left_over_fails_the_run_and_not_what_follows(dag_file: Path, shop: Path) -> None:
    """`total` is not held up; on_failure_fail_dagrun makes the run red."""
    run = run_dag(dag_file, conf={"undroppable": "bern"})
    assert (run.state, run.xcoms["total"], tables(shop)) == ("failed", 1749, ["scratch_bern"])


def test_trap_clearing_only_what_failed_does_not_set_up_again(dag_file: Path) -> None:
    """The teardown took the table away and only the copy runs again: clear the whole run, and it is there."""
    first = run_dag(dag_file, conf={"undroppable": "bern", "broken": "oslo"})
    again = rerun(dag_file, first.run_id, only_failed=True)
    tries = [again.tries[f"copy_shop.{name}[1]"] for name in ("create", "copy", "drop")]
    whole = rerun(dag_file, first.run_id)
    assert (tries, whole.tries["copy_shop.create[1]"]) == ([1, 2, 1], 2)


def test_trap_a_failed_teardown_leaves_the_run_green() -> None:
    """Without on_failure_fail_dagrun a teardown does not decide."""
    run = run_dag(TRAPS, dag_id="setup_and_teardown_left_over")
    assert (run.state, run.task_states["remove"]) == ("success", "failed")


def test_trap_a_failed_setup_has_no_teardown() -> None:
    """What a setup made before it failed is left: make it one step, or tidy up in the setup itself."""
    run = run_dag(TRAPS, dag_id="setup_and_teardown_failed_setup")
    assert run.task_states == {"make": "failed", "work": "upstream_failed", "remove": "upstream_failed"}


def test_trap_a_group_does_not_wait_for_its_teardown() -> None:
    """`group >> task` leaves the teardown out; a task behind the teardown itself is held up by it."""
    states = run_dag(TRAPS, dag_id="setup_and_teardown_group").task_states
    assert (states["cluster.remove"], states["after_group"], states["after_teardown"]) == ("failed", "success", "upstream_failed")


def test_trap_a_mapped_group_with_a_failed_instance_can_be_green() -> None:
    """Each instance goes its own way to the end of the group; the all_done leaf decides, with a shorter list."""
    run = run_dag(TRAPS, dag_id="setup_and_teardown_mapped_group")
    assert (run.state, run.task_states["per_shop.second[1]"], run.xcoms["all_done"]) == ("success", "upstream_failed", ["a", "c"])
