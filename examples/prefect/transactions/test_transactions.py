"""Both or neither, once; and when a transaction does not undo, does not commit, or does not say so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from finished_run import run_and_read
from prefect import Task, flow, task
from prefect.cache_policies import NO_CACHE, TASK_SOURCE
from prefect.locking.filesystem import FileSystemLockManager
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.transactions import transaction
from prefect_server import PrefectServer

seen: list[str] = []


@pytest.fixture(autouse=True)
def results(prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keys of this test only, also for processes that it starts; nothing seen yet."""
    seen.clear()
    monkeypatch.setenv("PREFECT_LOCAL_STORAGE_PATH", str(tmp_path / "results"))
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield


def loaded(example: ModuleType) -> tuple[int, list[str]]:
    """Rows in the table and published files."""
    published = sorted(path.name for path in example.PUBLISHED.glob("*"))
    with example.database() as connection:
        return connection.execute("SELECT count(*) FROM orders").fetchall()[0][0], published


def test_second_run_loads_nothing_and_knows_the_rows(example: ModuleType) -> None:
    """The key is remembered across runs: two task runs, then none, and the same answer."""
    first, second = run_and_read(example.publish_and_load), run_and_read(example.publish_and_load)
    assert (first.result, second.result, second.task_states) == (3, 3, {})
    assert sorted(first.task_states) == ["load", "publish"]


def test_failed_load_withdraws_the_file_and_can_be_repeated(example: ModuleType, tmp_path: Path) -> None:
    """A bad row: nothing published, nothing loaded, no key kept; the corrected file is loaded."""
    (file := tmp_path / "orders.csv").write_text("order_id,total_cents\n1,1800\n2,none\n")
    outcomes = [(run_and_read(example.publish_and_load, path=file).state.name, *loaded(example))]
    file.write_text("order_id,total_cents\n1,1800\n2,450\n")
    outcomes.append((run_and_read(example.publish_and_load, path=file).state.name, *loaded(example)))
    assert outcomes == [("Failed", 0, []), ("Completed", 2, ["orders.csv"])]


KILLED = """
import os, signal, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import flow
def load(path, real=flow.load):
    if sys.argv[2] == "after load":
        real(path)
    os.kill(os.getpid(), signal.SIGKILL)
flow.load = load
flow.publish_and_load()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("when", "rows"), [("before load", 0), ("after load", 3)])
def test_killed_run_undoes_nothing_and_the_next_one_finishes(example: ModuleType, tmp_path: Path, when: str, rows: int) -> None:
    """No hook runs after SIGKILL, and no key is kept: what is there stays. The re-run, not the hook, mends it."""
    command = [sys.executable, "-c", KILLED, example.__file__, when]
    killed = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, timeout=180)
    after_kill = loaded(example)
    run_and_read(example.publish_and_load)
    assert (killed.returncode, after_kill, loaded(example)) == (-signal.SIGKILL, (rows, ["orders.csv"]), (3, ["orders.csv"]))


def step(name: str, fails: bool = False, hook_fails: str = "", before: Callable[[], object] = list) -> Task:
    """A task whose hooks say that they ran; `hook_fails` names the hook that raises."""

    def body() -> None:
        before()
        seen.append(name)
        if fails:
            raise ValueError(name)

    def hook(kind: str) -> Callable[[object], None]:
        def ran(transaction: object) -> None:
            seen.append(f"{kind} {name}")
            if kind == hook_fails:
                raise RuntimeError(kind)

        return ran

    made = task(name=name)(body)
    made.on_commit(hook("commit"))
    made.on_rollback(hook("undo"))
    return made


def outcome(body: Callable[[], object]) -> tuple[str, list[str]]:
    return flow(name="steps")(body)(return_state=True).name, list(seen)


def in_transaction(*steps: Callable[[], object]) -> Callable[[], None]:
    def body() -> None:
        with transaction():
            for run in steps:
                run()

    return body


a, b = step("a"), step("b", fails=True)
CASES: dict[str, tuple[Callable[[], object], tuple[str, list[str]]]] = {
    "right: undone in reverse": (in_transaction(a, step("c"), b), ("Failed", ["a", "c", "b", "undo c", "undo a"])),
    "no transaction: committed at once": (lambda: [a(), b()], ("Failed", ["a", "commit a", "b"])),
    "failure not raised: undone, and the flow is green": (
        in_transaction(a, lambda: b(return_state=True)), ("Completed", ["a", "b", "undo a"]),
    ),
    "failed future only waited for: undone, and the flow is green": (
        in_transaction(a, lambda: b.submit().wait()), ("Completed", ["a", "b", "undo a"]),
    ),
    "a failed task's own hook does not run": (in_transaction(b), ("Failed", ["b"])),
    "commit hook fails: undone, and the flow is green": (
        in_transaction(step("c", hook_fails="commit")), ("Completed", ["c", "commit c", "undo c"]),
    ),
    "undo fails: the others still run": (
        in_transaction(a, step("c", hook_fails="undo"), b), ("Failed", ["a", "c", "b", "undo c", "undo a"]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_which_hooks_run(case: str) -> None:
    """Steps and hooks in order, and the flow's state."""
    body, expected = CASES[case]
    assert outcome(body) == expected


def test_committed_key_does_not_skip_the_block() -> None:
    """Silent: the block of a committed key runs again. Right: ask `is_committed()`."""

    def careless() -> None:
        with transaction(key="careless"):
            a()

    assert (outcome(careless)[1], outcome(careless)[1]) == (["a", "commit a"], ["a", "commit a", "a"])


def test_cached_step_is_not_undone() -> None:
    """Silent: what an earlier run did stays, since this one did not do it."""
    cached = step("c").with_options(cache_policy=TASK_SOURCE, persist_result=True)
    outcome(lambda: cached())
    assert outcome(in_transaction(cached, b))[1] == ["c", "commit c", "b"]


def test_without_a_lock_two_runs_of_one_key_both_work() -> None:
    """Silent: the key is looked up on entry and written at the end. Right: hold a limit of 1 around the block."""
    both_inside = threading.Barrier(2, timeout=60)

    def work() -> bool:
        with transaction(key="shared") as once:
            both_inside.wait()
            once.stage(1)
            return once.is_committed()

    twice = [task(name="work", cache_policy=NO_CACHE)(work) for _ in range(2)]
    assert flow(name="twice")(lambda: [future.result() for future in [work.submit() for work in twice]])() == [False, False]


def test_step_that_outlives_the_block_has_neither_hook() -> None:
    """Silent: a future not asked inside the block is neither committed nor undone. Right: `.result()` in the block."""
    gate = threading.Event()
    late = step("late", before=lambda: gate.wait(60))

    def body() -> None:
        with transaction():
            future = late.submit()
        gate.set()
        future.wait()

    assert outcome(body) == ("Completed", ["late"])


def test_lock_file_of_a_dead_process_is_for_ever(tmp_path: Path) -> None:
    """Silent: nothing expires it; a SERIALIZABLE transaction of the next run waits without a limit."""
    FileSystemLockManager(tmp_path).acquire_lock("load", holder="killed")
    assert not FileSystemLockManager(tmp_path).wait_for_lock("load", timeout=0.3)
