"""Sensors that lose files: by their cursor, by asking for one of many, by a key that never changes."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from daemon_turns import running_daemon

START, INTERVAL = datetime(2026, 3, 1, tzinfo=UTC), timedelta(seconds=30)
Asked = tuple[list[str], str]
Ask = Callable[[list[Path], str], Asked]


def after_the_last_name(files: list[Path], cursor: str) -> Asked:
    names = sorted(file.name for file in files)
    return [name for name in names if name > cursor], max([cursor, *names])


def after_the_last_date(files: list[Path], cursor: str) -> Asked:
    dates = {file.name: f"{file.stat().st_mtime:012.0f}" for file in files}
    return sorted(name for name, date in dates.items() if date > cursor), max([cursor, *dates.values()])


def the_newest(files: list[Path], cursor: str) -> Asked:
    """The file that sorts last, unless it was the one before."""
    newest = max([file.name for file in files], default=cursor)
    return [newest] if newest > cursor else [], newest


def all_unseen(files: list[Path], cursor: str) -> Asked:
    seen, names = set(json.loads(cursor or "[]")), {file.name for file in files}
    return sorted(names - seen), json.dumps(sorted(names))


def versions(files: list[Path], cursor: str) -> Asked:
    """Each file with its date, so that a new version has another key."""
    return sorted(f"{file.name}@{file.stat().st_mtime:.0f}" for file in files), cursor


def names(files: list[Path], cursor: str) -> Asked:
    return sorted(file.name for file in files), cursor


def started(ask: Ask, instance: dg.DagsterInstance, inbox: Path, *landed: dict[str, int]) -> list[list[str]]:
    """The keys of the runs of each tick, when these files (name: date) have landed before it."""
    orders = dg.asset(lambda: None, name="orders")

    @dg.sensor(target=[orders], minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
    def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        keys, cursor = ask(list(inbox.glob("*.csv")), context.cursor or "")
        return dg.SensorResult([dg.RunRequest(run_key=key) for key in keys], cursor=cursor or None)

    found = []
    with running_daemon(dg.Definitions([orders], sensors=[inbox_sensor]), instance, START) as daemon:
        for number, files in enumerate(landed, start=1):
            for name, date in files.items():
                (inbox / name).touch()
                os.utime(inbox / name, (date, date))
            [tick] = daemon.turn(START + number * INTERVAL)
            found.append(sorted(run.tags["dagster/run_key"] for run in tick.runs))
    return found


@pytest.mark.parametrize(
    ("ask", "late"),
    [
        (after_the_last_name, ["z.csv"]),
        (after_the_last_date, ["b.csv"]),
        (the_newest, ["z.csv"]),
        (all_unseen, ["a.csv", "b.csv", "c.csv", "z.csv"]),
    ],
)
def test_trap_a_cursor_of_the_last_one_loses_files(
    stored_instance: dg.DagsterInstance, tmp_path: Path, ask: Ask, late: list[str]
) -> None:
    """Silent: an earlier name, a copy with its old date, two of the same instant; a set of names loses none."""
    second = {"a.csv": 10, "b.csv": 30, "c.csv": 20, "z.csv": 20}
    assert started(ask, stored_instance, tmp_path, {"m.csv": 20}, second) == [["m.csv"], late]


@pytest.mark.parametrize(("ask", "second"), [(names, []), (versions, ["orders.csv@20"])])
def test_trap_a_name_is_started_once_for_ever(
    stored_instance: dg.DagsterInstance, tmp_path: Path, ask: Ask, second: list[str]
) -> None:
    """Silent: an overwritten file keeps its name and is not loaded again; a version in the key makes it another."""
    runs = started(ask, stored_instance, tmp_path, {"orders.csv": 10}, {"orders.csv": 20}, {})
    assert [[key.partition("@")[0] for key in runs[0]], *runs[1:]] == [["orders.csv"], second, []]
