"""What a cache key does not tell apart, what it tells apart too well, and which settings are not what they seem."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from finished_run import run_and_read
from prefect import Flow, Task, flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE
from prefect.locking.filesystem import FileSystemLockManager
from prefect.locking.memory import MemoryLockManager
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.transactions import IsolationLevel
from prefect_server import PrefectServer

POLICY = INPUTS + TASK_SOURCE
LOCK = threading.Lock()


@pytest.fixture(autouse=True)
def results(prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Path]:
    """An empty folder for the results of this test."""
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield tmp_path / "results"


class Rate:
    """Holds its value where no serializer looks: in the class."""

    value = 92


class KeptRate:
    """Holds its value in the object."""

    def __init__(self, value: int) -> None:
        self.value = value


def states_of(work: Task, *arguments: Any) -> list[str]:
    """State names of one call an argument, all in one run."""
    return flow(name="calls")(lambda: [work(argument, return_state=True).name for argument in arguments])()


def calling(work: Task) -> Flow:
    """A flow that calls the task once."""
    return flow(name="one-call")(lambda: work("mon", return_state=True).name)


def test_trap_objects_without_state_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that lies in the class is not in the key; one that lies in the object is."""
    convert = task(cache_policy=POLICY)(lambda rate: 450 * rate.value)
    assert states_of(convert, Rate()) == ["Completed"]
    monkeypatch.setattr(Rate, "value", 80)
    assert states_of(convert, Rate()) == ["Cached"]
    assert states_of(convert, KeptRate(92), KeptRate(80)) == ["Completed", "Completed"]


def test_trap_one_is_three_keys() -> None:
    """`1`, `1.0` and `True` are equal in Python and three computations here; the same number is found again."""
    double = task(cache_policy=POLICY)(lambda number: 2 * number)
    assert states_of(double, 1, 1.0, True, 1) == ["Completed", "Completed", "Completed", "Cached"]


def test_trap_inputs_alone_without_a_parameter_is_no_key() -> None:
    """`INPUTS` of a task without parameters is computed each time; `TASK_SOURCE` gives it a key."""
    never, once = (task(cache_policy=policy)(lambda: 450) for policy in (INPUTS, POLICY))
    body = flow(name="twice")(lambda work: [work(return_state=True).name for _ in range(2)])
    assert [body(never), body(once)] == [["Completed", "Completed"], ["Completed", "Cached"]]


def test_trap_a_key_function_beside_a_policy_wins(caplog: pytest.LogCaptureFixture) -> None:
    """One line when the task is made: the policy is not asked, so other inputs have the same result."""
    with caplog.at_level(logging.WARNING, logger="prefect"):
        both = task(name="both", cache_policy=POLICY, cache_key_fn=lambda context, given: "same")(lambda day: day)
    assert "Both `cache_policy` and `cache_key_fn` are set" in caplog.text
    alone = task(name="alone", cache_policy=POLICY)(lambda day: day)
    assert [states_of(work, "mon", "tue") for work in (both, alone)] == [["Completed", "Cached"], ["Completed", "Completed"]]


def test_trap_what_is_never_cached_is_one_log_line() -> None:
    """The run is Completed; its log alone says why nothing was kept."""
    keyless = task(name="keyless", cache_key_fn=lambda context, given: given["date"])(lambda day: day)
    locked = task(name="locked", cache_policy=POLICY)(lambda day, lock=LOCK: day)
    unpicklable = task(name="unpicklable", cache_policy=POLICY)(lambda day: threading.Lock())
    said = {}
    for work in (keyless, locked, unpicklable):
        run = run_and_read(calling(work))
        said[work.name] = (run.state.name, [line.splitlines()[0].split(" - ")[0][:52] for line in run.messages(logging.WARNING)])
    assert said == {
        "keyless": ("Completed", ["Error encountered when computing cache key"]),
        "locked": ("Completed", ["Error encountered when computing cache key"]),
        "unpicklable": ("Completed", ["Encountered an error while serializing result for tr"]),
    }


def test_trap_a_lost_result_with_its_key_kept_keeps_its_lock_too(results: Path) -> None:
    """SERIALIZABLE and `key_storage`: the task fails, its lock stays, the next equal call would wait for ever."""
    lock = MemoryLockManager()
    policy = POLICY.configure(
        key_storage=results.with_name("keys"), lock_manager=lock, isolation_level=IsolationLevel.SERIALIZABLE
    )
    price = task(cache_policy=policy)(lambda article: 450)
    assert states_of(price, "tea") == ["Completed"]
    [key] = [file.name for file in results.with_name("keys").iterdir()]
    assert not lock.is_locked(key)
    shutil.rmtree(results)
    assert states_of(price, "tea") == ["Failed"]
    assert lock.is_locked(key)


def test_trap_a_file_lock_wants_a_path(tmp_path: Path) -> None:
    """A text is taken, and fails when the first lock is asked for."""
    with pytest.raises((AttributeError, TypeError)):
        FileSystemLockManager(str(tmp_path)).acquire_lock("key", holder="first")
    assert FileSystemLockManager(tmp_path).acquire_lock("key", holder="first")
