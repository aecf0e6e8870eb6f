"""Any run of any interval, killed, repeated, out of order or by backfill, leaves the same tables."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pendulum
import pytest
from airflow import settings
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from run_dag import FinishedRun, run_dag
from scheduler_steps import create_due_runs, register_dag_file, run_queued
from sqlalchemy import update

MARCH = {day: pendulum.datetime(2026, 3, day) for day in range(1, 6)}
LOADED = {
    "orders": [(1, "2026-03-02", 1250), (2, "2026-03-02", 599), (3, "2026-03-03", 250), (4, "2026-03-02", 100)],
    "totals": [("2026-03-02", 1949), ("2026-03-03", 250)],
    "arrivals": [(1, 1250), (2, 499), (3, 250), (2, 599), (4, 100)],
    "dead": [("two fifty", "invalid literal for int() with base 10: 'two fifty'")],
}
KILLED = """
import os, runpy, signal, sys, datetime, duckdb
module = runpy.run_path(sys.argv[1])
start = datetime.datetime(2026, 3, 3)

def rows():
    for number, row in enumerate(module["read_arrivals"](start, start + datetime.timedelta(days=1))):
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        yield row

module["load_interval"](duckdb.connect(sys.argv[2]), rows(), start)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the shop database."""
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.duckdb"))
    return tmp_path / "shop.duckdb"


def read(shop: Path) -> dict[str, list[tuple]]:
    """All that the runs left behind."""
    with duckdb.connect(str(shop), read_only=True) as connection:
        return {
            "orders": connection.execute("SELECT order_id, placed_on::TEXT, cents FROM orders ORDER BY 1").fetchall(),
            "totals": connection.execute("SELECT day::TEXT, cents FROM day_totals ORDER BY 1").fetchall(),
            "arrivals": connection.execute("SELECT order_id, cents FROM arrivals ORDER BY arrived_at").fetchall(),
            "dead": connection.execute("SELECT raw ->> 'cents', error FROM dead_letters").fetchall(),
        }


def run_day(dag_file: Path, day: int) -> FinishedRun:
    """The run of the interval that is this day of March."""
    return run_dag(dag_file, MARCH[day], data_interval=(MARCH[day], MARCH[day + 1]))


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize("days", [(2, 3), (3, 2), (2, 3, 2, 3, 3)])
def test_any_order_and_any_number_of_runs_leaves_the_same_tables(dag_file: Path, shop: Path, days: tuple[int, ...]) -> None:
    """A late correction stays when the older interval is loaded again; a late order is in its own day's total."""
    assert [run_day(dag_file, day).state for day in days] == ["success"] * len(days)
    assert read(shop) == LOADED


@pytest.mark.usefixtures("metadata_database")
def test_a_load_killed_half_way_leaves_what_was_there(dag_file: Path, shop: Path) -> None:
    """SIGKILL after two of four rows, in a first and in a second load of an interval; the next try completes it."""
    run_day(dag_file, 2)
    for _ in range(2):
        before = read(shop)
        killed = subprocess.run([sys.executable, "-c", KILLED, str(dag_file), str(shop)], check=False, capture_output=True)
        assert (killed.returncode, read(shop)) == (-signal.SIGKILL, before)
        run_day(dag_file, 3)
        assert read(shop) == LOADED


@pytest.mark.usefixtures("metadata_database")
def test_a_mended_row_leaves_the_dead_letters(
    dag_file: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interval is loaded again after its source was corrected."""
    assert run_day(dag_file, 3).xcoms == {"load": {"loaded": 3, "dead": 1}}
    mended = tmp_path / "arrivals.csv"
    mended.write_text(dag_file.with_name("arrivals.csv").read_text().replace("two fifty", "250"))
    monkeypatch.setenv("SHOP_ARRIVALS", str(mended))
    assert run_day(dag_file, 3).xcoms == {"load": {"loaded": 4, "dead": 0}}
    assert read(shop)["dead"] == []


@pytest.mark.usefixtures("metadata_database", "shop")
def test_a_run_without_an_interval_is_refused(dag_file: Path) -> None:
    """`airflow dags trigger` without a date must not load "some" interval."""
    assert run_dag(dag_file).observed.errors["load"].startswith("AirflowFailException: this load needs a data interval")


def backfill(first: str, *options: str) -> None:
    """`airflow backfill create` in this process; it only queues runs."""
    from airflow.cli.cli_parser import get_parser

    window = ["--dag-id", "idempotent_loads_orders", "--from-date", first, "--to-date", "2026-03-03"]
    arguments = get_parser().parse_args(["backfill", "create", *window, *options])
    arguments.func(arguments)


@pytest.mark.usefixtures("metadata_database")
def test_a_backfill_goes_before_the_start_date_and_names_runs_by_the_interval_s_end(dag_file: Path, shop: Path) -> None:
    """`--from-date` and `--to-date` are interval starts, both included."""
    register_dag_file(dag_file)
    backfill("2026-03-01")
    loaded = {run_id[:20]: run.xcoms["load"]["loaded"] for run_id, (run, _) in run_queued(dag_file).items()}
    assert loaded == {"backfill__2026-03-02": 0, "backfill__2026-03-03": 2, "backfill__2026-03-04": 3}
    assert read(shop) == LOADED


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(
    ("behavior", "again"),
    [("none", []), ("failed", [3]), ("completed", [2, 3])],
)
def test_silent_a_backfill_leaves_failed_runs_alone_unless_told(
    dag_file: Path, shop: Path, monkeypatch: pytest.MonkeyPatch, behavior: str, again: list[int]
) -> None:
    """Without an option it is `none`: the day that failed counts as done, and nothing says so."""
    run_day(dag_file, 2)
    monkeypatch.setenv("SHOP_ARRIVALS", "no/such/file.csv")
    assert run_day(dag_file, 3).state == "failed"
    monkeypatch.delenv("SHOP_ARRIVALS")
    backfill("2026-03-02", *(["--reprocess-behavior", behavior] if behavior != "none" else []))
    assert [run.xcoms["load"]["loaded"] for run, _ in run_queued(dag_file).values()] == again
    assert (read(shop) == LOADED) == bool(again)


def startable() -> list[str]:
    """The days of the runs that the scheduler's next turn would start, in its order."""
    session = settings.Session()
    return [str(run.data_interval_start.date()) for run in DagRun.get_queued_dag_runs_to_set_running(session)]


def pause(paused: bool) -> None:
    """The switch in the list of DAGs."""
    session = settings.Session()
    session.execute(update(DagModel).values(is_paused=paused))
    session.commit()


@pytest.mark.usefixtures("metadata_database", "shop")
def test_a_dry_run_lists_what_would_run_and_makes_nothing(dag_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows interval starts, and leaves out a day that has a run already."""
    run_day(dag_file, 2)
    backfill("2026-03-01", "--dry-run")
    shown = capsys.readouterr().out.partition("Runs to be attempted")[2]
    days = [day for day in MARCH if f"2026-03-{day:02d}" in shown]
    assert (days, startable()) == ([1, 3], []), shown


@pytest.mark.usefixtures("metadata_database", "shop")
@pytest.mark.parametrize(("options", "order"), [([], [1, 2, 3]), (["--run-backwards"], [3, 2, 1])])
def test_the_newest_days_may_come_first(dag_file: Path, options: list[str], order: list[int]) -> None:
    """`--run-backwards`."""
    register_dag_file(dag_file)
    backfill("2026-03-01", "--max-active-runs", "3", *options)
    assert startable() == [f"2026-03-{day:02d}" for day in order]


@pytest.mark.usefixtures("metadata_database", "shop")
def test_silent_a_backfill_of_a_paused_dag_waits_without_a_word(dag_file: Path) -> None:
    """The command succeeds; its runs stay queued until the DAG is unpaused."""
    register_dag_file(dag_file)
    pause(True)
    backfill("2026-03-02")
    paused = startable()
    pause(False)
    assert (paused, startable()) == ([], ["2026-03-02", "2026-03-03"])


@pytest.mark.usefixtures("metadata_database", "shop")
def test_silent_a_run_by_hand_dated_before_the_start_date_is_green_and_empty(dag_file: Path) -> None:
    """It has no task instances; a backfill of the same day does the work."""
    run = run_day(dag_file, 1)
    assert (run.state, run.task_states) == ("success", {})


@pytest.mark.usefixtures("metadata_database")
def test_silent_no_catchup_still_runs_the_last_tick_at_once() -> None:
    """With a `start_date`, `run_immediately=False` decides nothing; missed ticks come only with `catchup=True`."""
    forms = Path(__file__).with_name("catchup_forms.py")
    register_dag_file(forms)
    for _ in range(4):
        create_due_runs()
    (last,) = run_queued(forms, "idempotent_loads_last_tick")
    assert last.split("__")[1][:10] == str(pendulum.now("UTC").date())
    made_up = [run.xcoms["day"] for run, _ in run_queued(forms, "idempotent_loads_every_tick").values()]
    assert made_up == ["2026-03-02", "2026-03-03", "2026-03-04"]
