"""What is cached, for how long it is believed, and what is never cached although nothing says so."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from finished_run import run_and_read
from prefect import Task, flow, task
from prefect.cache_policies import INPUTS, TASK_SOURCE, CachePolicy
from prefect.locking.filesystem import FileSystemLockManager
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect_server import PrefectServer

STORED_BY_INPUTS = INPUTS + TASK_SOURCE
LOCK = threading.Lock()


@pytest.fixture
def results(prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Path]:
    """An empty folder for the results of this test; otherwise they outlive it in PREFECT_HOME."""
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield tmp_path / "results"


def states_of(cached: Task, *calls: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """State name and value of each call, one flow run a call."""
    return [flow(name="one-call")(lambda call=call: named(cached(*call, return_state=True)))() for call in calls]


def named(state: Any) -> tuple[str, Any]:
    return state.name, state.result()


def test_equal_orders_are_valued_once_and_a_second_run_values_none(results: Path, example: ModuleType) -> None:
    """Orders 2 and 4 are equal and run at the same time: one computation; the next run has four Cached tasks."""
    first, second = run_and_read(example.value_orders), run_and_read(example.value_orders)
    assert first.result == second.result == [1800, 414, 963, 414]
    assert sorted(first.task_states["value_in_cents"]) == ["Cached", "Completed", "Completed", "Completed"]
    assert second.task_states["value_in_cents"] == ["Cached"] * 4


def test_lost_results_are_computed_again_unless_keys_are_kept_apart(results: Path) -> None:
    """Silent until the clean-up: with `key_storage` a key outlives its result, and the task fails from then on."""
    outcome = []
    for policy in (STORED_BY_INPUTS, STORED_BY_INPUTS.configure(key_storage=results.with_name("keys"))):
        price = task(cache_policy=policy)(lambda article: 450)
        states_of(price, ("tea",))
        shutil.rmtree(results)
        outcome.append(flow(name="after")(lambda price=price: price("tea", return_state=True).name)())
    assert outcome == ["Completed", "Failed"]


def test_changed_rate_is_seen_only_through_the_version(
    results: Path, example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent: TASK_SOURCE is the task's own text, so a new rate changes nothing. Right: a version in the key."""
    values = [run_and_read(example.value_orders).result[1]]
    monkeypatch.setitem(example.RATES, "USD", 80)
    values.append(run_and_read(example.value_orders).result[1])
    monkeypatch.setattr(example, "RATES_VERSION", "2026-03-02")
    values.append(run_and_read(example.value_orders).result[1])
    assert values == [414, 414, 360]


@pytest.mark.parametrize(("policy", "shouted"), [(INPUTS, 14), (STORED_BY_INPUTS, "7!")])
def test_inputs_alone_are_shared_between_tasks(results: Path, policy: CachePolicy, shouted: object) -> None:
    """Silent: with INPUTS alone `shout` is given what `double` stored. Right: INPUTS + TASK_SOURCE."""
    double = task(name="double", cache_policy=policy)(lambda number: 2 * number)
    shout = task(name="shout", cache_policy=policy)(lambda number: f"{number}!")
    assert (states_of(double, (7,))[0][1], states_of(shout, (7,))[0][1]) == (14, shouted)


def test_corrected_file_is_not_seen_behind_its_path(results: Path, tmp_path: Path) -> None:
    """Silent: the path is the input, not what is in it. Right: pass the content, or a hash or etag of it."""
    count = task(name="count", cache_policy=STORED_BY_INPUTS)(lambda path, version=None: len(path.read_text()))
    (file := tmp_path / "orders.csv").write_text("1")
    before = states_of(count, (file,))
    file.write_text("123")
    assert [*before, *states_of(count, (file,), (file, "v2"))] == [("Completed", 1), ("Cached", 1), ("Completed", 3)]


def test_one_storage_key_for_all_inputs_is_one_result(results: Path) -> None:
    """Silent: a storage key is the cache key, whatever the policy says. Right: every input is in its template."""
    options = {"persist_result": True, "cache_policy": STORED_BY_INPUTS}
    same = task(result_storage_key="latest", **options)(lambda day: day)
    each = task(result_storage_key="of-{parameters[day]}", **options)(lambda day: day)
    assert states_of(same, ("mon",), ("tue",)) == [("Completed", "mon"), ("Cached", "mon")]
    assert states_of(each, ("mon",), ("tue",)) == [("Completed", "mon"), ("Completed", "tue")]


def key_of_a_missing_name(context: object, parameters: dict[str, Any]) -> str:
    return f"day-{parameters['date']}"


NEVER = {
    "persist_result is False": (task(cache_policy=STORED_BY_INPUTS, persist_result=False)(lambda day: day), "mon"),
    "default policy holds the run's id": (task(persist_result=True)(lambda day: day), "mon"),
    "key function fails": (task(cache_key_fn=key_of_a_missing_name)(lambda day: day), "mon"),
    "input cannot be hashed": (task(cache_policy=STORED_BY_INPUTS)(lambda lock: 1), LOCK),
    "subtracted name is misspelt": (task(cache_policy=STORED_BY_INPUTS - "lok")(lambda lock: 1), LOCK),
    "result cannot be pickled": (task(cache_policy=STORED_BY_INPUTS)(lambda day: threading.Lock()), "mon"),
}
CACHED = {
    "inputs and source": (task(cache_policy=STORED_BY_INPUTS)(lambda day: day), "mon"),
    "unhashable input subtracted": (task(cache_policy=STORED_BY_INPUTS - "lock")(lambda day, lock=LOCK: day), "mon"),
}


def test_lock_file_in_the_making_fails_the_other_task(tmp_path: Path) -> None:
    """FileSystemLockManager makes a file and then fills it; who reads it in between fails. Right: MemoryLockManager."""
    (tmp_path / "key.lock").touch()
    with pytest.raises(ValueError, match="EOF while parsing a value"):
        FileSystemLockManager(tmp_path).acquire_lock("key", holder="second")


@pytest.mark.parametrize(("cached", "second"), [(NEVER, "Completed"), (CACHED, "Cached")], ids=["never", "cached"])
def test_what_is_never_cached_and_still_green(results: Path, cached: dict[str, tuple[Task, object]], second: str) -> None:
    """Each is green twice; the first table computes twice without a word in the state, the second once."""
    outcome = {why: [state for state, _ in states_of(work, (argument,), (argument,))] for why, (work, argument) in cached.items()}
    assert outcome == {why: ["Completed", second] for why in cached}
