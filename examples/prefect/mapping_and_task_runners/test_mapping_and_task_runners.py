"""The same values and failures on every runner; what `map` iterates over; when futures wait for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from finished_run import read_run
from prefect import flow, task, unmapped
from prefect.exceptions import MappingLengthMismatch, MappingMissingIterable
from prefect.task_runners import ThreadPoolTaskRunner
from prefect_server import PrefectServer

RUN = """
import json
import flow
state = flow.price_list(["tea", "salt", "cocoa"], return_state=True)
print(json.dumps([str(state.state_details.flow_run_id), state.result()]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("runner", "elsewhere"), [("thread", False), ("process", True), ("dask", True)])
def test_values_and_failures_on_every_runner(
    prefect_server: PrefectServer, request: pytest.FixtureRequest, tmp_path: Path, runner: str, elsewhere: bool
) -> None:
    """Two prices, the unknown article named, the work where the runner says, and the server knows all three tasks.

    In a process of its own: the pool starts others, which import its `__main__`.
    """
    chosen = {"SHOP_RUNNER": runner, "SHOP_PROCESSES": "1", "PYTHONPATH": str(request.path.parent)}
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=os.environ | chosen, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    run_id, result = json.loads(done.stdout.splitlines()[-1])
    assert result == {"prices": {"tea": 450, "cocoa": 700}, "failed": ["salt"], "elsewhere": elsewhere}
    assert sorted(read_run(UUID(run_id)).task_states["price"]) == ["Completed", "Completed", "Failed"]
    assert "temporary server" not in done.stderr


@task
def pair(left: Any, right: Any = None) -> tuple[Any, Any]:
    return left, right


MAPPED: dict[str, tuple[Callable[[], Any], Any]] = {
    "a text is one value": (lambda: pair.map(["a", "b"], "xy"), [("a", "xy"), ("b", "xy")]),
    "silent: a dictionary is iterated, by its keys": (lambda: pair.map(["a", "b"], {"k": 1, "l": 2}), [("a", "k"), ("b", "l")]),
    "right: a dictionary unmapped": (lambda: pair.map(["a"], unmapped({"k": 1, "l": 2})), [("a", {"k": 1, "l": 2})]),
    "nothing to map": (lambda: pair.map([], unmapped(1)), []),
}


@pytest.mark.parametrize("case", MAPPED)
def test_what_is_iterated(prefect_server: PrefectServer, case: str) -> None:
    """Values in the order of the arguments."""
    body, values = MAPPED[case]
    assert flow(name="mapped")(lambda: body().result())() == values


@pytest.mark.parametrize(
    ("body", "error"),
    [(lambda: pair.map(["a", "b"], [1]), MappingLengthMismatch), (lambda: pair.map("ab", 1), MappingMissingIterable)],
)
def test_what_cannot_be_mapped(prefect_server: PrefectServer, body: Callable[[], Any], error: type[Exception]) -> None:
    """Lists of two lengths; nothing to iterate over."""
    with pytest.raises(error):
        flow(name="unmappable")(body)()


def test_only_the_branch_of_the_failed_item_stops(prefect_server: PrefectServer) -> None:
    """map over map depends item by item; a task over the whole list is not run for one failure."""

    def chained() -> list[str]:
        first = task(name="divide")(lambda number: 10 // number).map([5, 0])
        each, whole = pair.map(first), pair.submit(first)
        for future in [*each, whole]:
            future.wait()
        return [future.state.name for future in [*each, whole]]

    assert flow(name="chained")(chained)() == ["Completed", "NotReady", "NotReady"]


def test_task_that_waits_for_a_task_on_a_full_pool_never_ends(prefect_server: PrefectServer) -> None:
    """Silent but for a warning: one worker waits for the other task, which waits for the worker."""
    inner = task(name="inner")(lambda: 1)

    @task
    def outer() -> str:
        try:
            return f"done {inner.submit().result(timeout=1)}"
        except TimeoutError:
            return "stuck"

    def body() -> str:
        return outer.submit().result(timeout=60)

    pools = [ThreadPoolTaskRunner(max_workers=workers) for workers in (1, 2)]
    assert [flow(name="nested", task_runner=pool)(body)() for pool in pools] == ["stuck", "done 1"]
