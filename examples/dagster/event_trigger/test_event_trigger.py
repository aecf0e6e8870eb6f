"""Over many ticks every landed file gets exactly one run: none is lost, none runs twice."""

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import dagster as dg
import duckdb
import pytest


@dataclass
class Daemon:
    """What the sensor daemon does at a tick: evaluate, drop known run keys, run the rest, keep the cursor."""

    example: ModuleType
    instance: dg.DagsterInstance
    inbox: Path
    cursor: str | None = None

    def tick(self, *landed: str) -> list[str]:
        """Let files of one order each land, evaluate the sensor once; the files that got a run."""
        for name in landed:
            (self.inbox / name).write_text("order_id,quantity,price_cents\n1,2,450\n")
        repository = self.example.defs.get_repository_def()
        sensor = repository.get_sensor_def("inbox_sensor")
        with dg.build_sensor_context(self.instance, self.cursor, repository_def=repository) as context:
            outcome = sensor.evaluate_tick(context)
        started = [request for request in outcome.run_requests if not self.knows(request.run_key)]
        for request in started:
            self.run(request)
        self.cursor = outcome.cursor
        configs = [request.run_config["ops"]["received_orders"]["config"] for request in started]
        return [Path(config["path"]).name for config in configs]

    def knows(self, run_key: str) -> bool:
        """Whether any run, also a failed one, carries the key."""
        return self.instance.get_runs_count(dg.RunsFilter(tags={"dagster/run_key": run_key})) > 0

    def run(self, request: dg.RunRequest) -> None:
        self.example.defs.resolve_job_def("load_file").execute_in_process(
            run_config=request.run_config,
            tags=request.tags | {"dagster/run_key": request.run_key},
            instance=self.instance,
            raise_on_error=False,
        )


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    monkeypatch.setenv("SHOP_INBOX", str(folder))
    return folder


@pytest.fixture
def daemon(example: ModuleType, instance: dg.DagsterInstance, inbox: Path) -> Daemon:
    return Daemon(example, instance, inbox)


def loaded_files() -> list[tuple[str, int]]:
    with duckdb.connect("shop_data.duckdb") as database:
        return database.sql("SELECT file, count(*) FROM received_orders GROUP BY ALL ORDER BY ALL").fetchall()


def test_files_of_one_tick_get_one_run_each(daemon: Daemon) -> None:
    """Two files between two ticks are two runs, and a tick without new files is none."""
    runs = [daemon.tick("b.csv", "c.csv"), daemon.tick(), daemon.tick("d.csv")]
    assert runs == [["b.csv", "c.csv"], [], ["d.csv"]]
    assert loaded_files() == [("b.csv", 1), ("c.csv", 1), ("d.csv", 1)]


def test_a_late_file_is_not_lost(daemon: Daemon) -> None:
    """A file whose name sorts before, and whose date lies before, everything seen still gets its run."""
    daemon.tick("m.csv")
    (daemon.inbox / "a.csv").write_text("order_id,quantity,price_cents\n7,1,450\n")
    os.utime(daemon.inbox / "a.csv", (0, 0))
    assert [daemon.tick(), daemon.tick()] == [["a.csv"], []]


def test_more_files_than_a_tick_takes_are_spread(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one tick leaves over, the next ones take, also when an earlier name lands in between."""
    monkeypatch.setattr(daemon.example, "FILES_PER_TICK", 2)
    runs = [daemon.tick(*landed) for landed in (["b.csv", "c.csv", "d.csv", "e.csv"], ["a.csv"], [], [])]
    assert runs == [["b.csv", "c.csv"], ["a.csv", "d.csv"], ["e.csv"], []]


def test_a_lost_cursor_repeats_nothing(daemon: Daemon) -> None:
    """After a reset of the cursor the run keys keep every known file from a second run."""
    daemon.tick("a.csv", "b.csv")
    daemon.cursor = None
    assert daemon.tick("c.csv") == ["c.csv"]


def test_a_failed_file_is_not_tried_again(daemon: Daemon) -> None:
    """A file that cannot be read has its one, failed run; re-execute that run once the cause is gone."""
    (daemon.inbox / "bad.csv").write_text("not,orders\n1,2\n")
    assert [daemon.tick(), daemon.tick()] == [["bad.csv"], []]
    assert [run.status for run in daemon.instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]


def test_an_unfinished_file_waits_for_its_rename(daemon: Daemon) -> None:
    """A file under a temporary name gets no run; its rename makes it land."""
    first = daemon.tick("a.csv.part")
    (daemon.inbox / "a.csv.part").rename(daemon.inbox / "a.csv")
    assert [first, daemon.tick()] == [[], ["a.csv"]]
