"""Over many ticks every landed file gets exactly one run: none is lost, none runs twice."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import dagster as dg
import duckdb
import pytest
from daemon_turns import Daemon, running_daemon
from finished_run import FinishedRun

START, INTERVAL = datetime(2026, 3, 1, tzinfo=UTC), timedelta(seconds=30)


@dataclass
class Inbox:
    """The folder that the sensor watches, and the daemon that evaluates it."""

    folder: Path
    daemon: Daemon

    def runs(self, *landed: str) -> list[FinishedRun]:
        """Let files of one order each land, evaluate the sensor once; the runs it started."""
        for name in landed:
            (self.folder / name).write_text("order_id,quantity,price_cents\n1,2,450\n")
        [tick] = self.daemon.turn(self.daemon.now + INTERVAL)
        return tick.runs

    def tick(self, *landed: str) -> list[str]:
        """The same; the files that got a run."""
        runs = [self.daemon.instance.get_run_by_id(run.run_id) for run in self.runs(*landed)]
        return [Path(run.run_config["ops"]["received_orders"]["config"]["path"]).name for run in runs]


@pytest.fixture
def inbox(
    example: ModuleType, stored_instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Inbox]:
    folder = tmp_path / "inbox"
    folder.mkdir()
    monkeypatch.setenv("SHOP_INBOX", str(folder))
    with running_daemon(example.defs, stored_instance, START) as daemon:
        yield Inbox(folder, daemon)


def loaded_files() -> list[tuple[str, int]]:
    with duckdb.connect("shop_data.duckdb") as database:
        return database.sql("SELECT file, count(*) FROM received_orders GROUP BY ALL ORDER BY ALL").fetchall()


def test_files_of_one_tick_get_one_run_each(inbox: Inbox) -> None:
    """Two files between two ticks are two runs, and a tick without new files is none."""
    runs = [inbox.tick("b.csv", "c.csv"), inbox.tick(), inbox.tick("d.csv")]
    assert runs == [["b.csv", "c.csv"], [], ["d.csv"]]
    assert loaded_files() == [("b.csv", 1), ("c.csv", 1), ("d.csv", 1)]


def test_a_late_file_is_not_lost(inbox: Inbox) -> None:
    """A file whose name sorts before, and whose date lies before, everything seen still gets its run."""
    inbox.tick("m.csv")
    (inbox.folder / "a.csv").write_text("order_id,quantity,price_cents\n7,1,450\n")
    os.utime(inbox.folder / "a.csv", (0, 0))
    assert [inbox.tick(), inbox.tick()] == [["a.csv"], []]


def test_more_files_than_a_tick_takes_are_spread(inbox: Inbox, example: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one tick leaves over, the next ones take, also when an earlier name lands in between."""
    monkeypatch.setattr(example, "FILES_PER_TICK", 2)
    runs = [inbox.tick(*landed) for landed in (["b.csv", "c.csv", "d.csv", "e.csv"], ["a.csv"], [], [])]
    assert runs == [["b.csv", "c.csv"], ["a.csv", "d.csv"], ["e.csv"], []]


def test_a_lost_cursor_repeats_nothing(inbox: Inbox) -> None:
    """After a reset of the cursor the run keys keep every known file from a second run."""
    inbox.tick("a.csv", "b.csv")
    inbox.daemon.set_cursor("inbox_sensor", None)
    assert inbox.tick("c.csv") == ["c.csv"]


def test_a_failed_file_is_not_tried_again(inbox: Inbox) -> None:
    """A file that cannot be read has its one, failed run; re-execute that run once the cause is gone."""
    (inbox.folder / "bad.csv").write_text("not,orders\n1,2\n")
    assert [[run.status for run in inbox.runs()], inbox.runs()] == [["FAILURE"], []]


def test_an_unfinished_file_waits_for_its_rename(inbox: Inbox) -> None:
    """A file under a temporary name gets no run; its rename makes it land."""
    first = inbox.tick("a.csv.part")
    (inbox.folder / "a.csv.part").rename(inbox.folder / "a.csv")
    assert [first, inbox.tick()] == [[], ["a.csv"]]
