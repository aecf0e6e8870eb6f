"""One run a file over any number of ticks, whatever the order of names and arrivals."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from types import ModuleType
from uuid import UUID

import duckdb
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.flow_engine import run_flow

AUTOMATION_SECONDS = 60


def land(folder: Path, name: str, rows: str) -> Path:
    """Write a file as a careful producer does: under another name, then renamed."""
    folder.mkdir(exist_ok=True)
    part = folder / f"{name}.part"
    part.write_text(f"order_id,total_cents\n{rows}\n")
    return part.rename(folder / name)


def runs_of(deployment_id: UUID, folder: Path) -> list[FlowRun]:
    """The deployment's runs for files of this folder."""
    wanted = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id]))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(deployment_filter=wanted)
    return [run for run in runs if Path(run.parameters["path"]).parent == folder]


def files_run(example: ModuleType, folder: Path) -> Counter[str]:
    """How many runs each file of the folder has."""
    return Counter(Path(run.parameters["path"]).name for run in runs_of(example.landed_deployment_id(), folder))


def test_one_run_a_file_over_many_ticks(example: ModuleType, tmp_path: Path) -> None:
    """A late file whose name sorts first is neither lost nor makes the others run again."""
    folder = tmp_path / "landing"
    for name, rows in [("orders_2.csv", "2,450"), ("orders_3.csv", "3,900"), ("orders_1.csv", "1,1800")]:
        land(folder, name, rows)
        example.watch_folder(folder)
        example.watch_folder(folder)
    assert files_run(example, folder) == {"orders_1.csv": 1, "orders_2.csv": 1, "orders_3.csv": 1}


def test_file_being_written_waits_and_corrected_file_runs_again(example: ModuleType, tmp_path: Path) -> None:
    """A .part file has no run; new content under an old name is one new run."""
    folder = tmp_path / "landing"
    land(folder, "orders_1.csv", "1,1800")
    (folder / "orders_2.csv.part").write_text("order_id,total")
    example.watch_folder(folder)
    land(folder, "orders_1.csv", "1,1900")
    example.watch_folder(folder)
    assert files_run(example, folder) == {"orders_1.csv": 2}


def test_every_run_loads_its_own_file_once(example: ModuleType, tmp_path: Path) -> None:
    """Executing the runs, one of them twice, leaves each file's rows once."""
    folder = tmp_path / "landing"
    for name, rows in [("orders_2.csv", "2,450\n3,900"), ("orders_1.csv", "1,1800")]:
        land(folder, name, rows)
        example.watch_folder(folder)
    for run in runs_of(example.landed_deployment_id(), folder):
        run_flow(example.load_file, flow_run=run)
    example.load_file(folder / "orders_1.csv")
    with duckdb.connect("shop_data.duckdb") as database:
        rows = database.execute("SELECT order_id, file FROM orders ORDER BY order_id").fetchall()
    assert rows == [(1, "orders_1.csv"), (2, "orders_2.csv"), (3, "orders_2.csv")]


def test_automation_starts_a_run_for_each_announced_file(example: ModuleType, tmp_path: Path) -> None:
    """Three events are three runs with their own paths, in whatever order they come."""
    names = ["orders_2.csv", "orders_3.csv", "orders_1.csv"]
    automation = example.on_landed(example.landed_deployment_id()).create()
    announce_until_heard(example, tmp_path, "warm_up.csv")
    for name in names:
        announce(tmp_path, name)
    EventsWorker.drain_all()
    deadline = time.monotonic() + AUTOMATION_SECONDS
    while len(set(names) & set(files_run(example, tmp_path))) < len(names) and time.monotonic() < deadline:
        time.sleep(0.2)
    automation.delete()
    assert {name: files_run(example, tmp_path)[name] for name in names} == dict.fromkeys(names, 1)


def announce(folder: Path, name: str) -> None:
    emit_event("file.landed", {"prefect.resource.id": f"file.{name}"}, payload={"path": str(folder / name)})


def announce_until_heard(example: ModuleType, folder: Path, name: str) -> None:
    """The server learns of a new automation a moment after it is created; events before that start nothing."""
    deadline = time.monotonic() + AUTOMATION_SECONDS
    while not files_run(example, folder)[name]:
        assert time.monotonic() < deadline, f"no run {AUTOMATION_SECONDS} s after the automation was created"
        announce(folder, name)
        EventsWorker.drain_all()
        time.sleep(1)
