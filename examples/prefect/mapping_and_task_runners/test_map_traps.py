"""What else `map` iterates, who resolves futures, and what a full pool and a Dask cluster say."""

from __future__ import annotations

import pandas
import pytest
from finished_run import run_and_read
from prefect import flow, task, unmapped
from prefect.task_runners import ThreadPoolTaskRunner
from prefect_dask import DaskTaskRunner
from prefect_server import PrefectServer

PRICES = pandas.DataFrame({"tea": [450], "mate": [900]})


@task
def pair(left: str, right: object) -> tuple[str, object]:
    return left, right


def test_trap_a_frame_is_iterated_by_its_columns(prefect_server: PrefectServer) -> None:
    """Two columns are two values and no error; unmapped, each task has the frame."""
    names = ["tea", "mate"]
    iterated = flow(name="iterated")(lambda: pair.map(names, PRICES).result())()
    whole = flow(name="whole")(lambda: pair.map(names, unmapped(PRICES)).result())()
    assert iterated == [("tea", "tea"), ("mate", "mate")]
    assert [(name, frame.equals(PRICES)) for name, frame in whole] == [("tea", True), ("mate", True)]


def test_trap_only_a_task_resolves_futures(prefect_server: PrefectServer) -> None:
    """A plain function that gets the list of futures adds futures; a task, or `.result()`, has the values."""
    double = task(name="double")(lambda number: 2 * number)

    def with_function() -> int:
        return sum(double.map([1, 2]))

    def with_task() -> tuple[int, int]:
        futures = double.map([1, 2])
        return task(lambda numbers: sum(numbers))(futures), sum(futures.result())

    failed = run_and_read(flow(name="function")(with_function))
    assert "unsupported operand" in str(failed.result)
    assert flow(name="task")(with_task)() == (6, 6)


def test_trap_a_stuck_pool_is_one_warning_outside_the_run(
    prefect_server: PrefectServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The process that runs the flow says it once; the run's log on the server does not have it."""
    inner = task(name="inner")(lambda: 1)

    @task
    def outer(number: int) -> str:
        try:
            return f"done {inner.submit().result(timeout=1)}"
        except TimeoutError:
            return "stuck"

    pool = ThreadPoolTaskRunner(max_workers=1)
    run = run_and_read(flow(name="nested", task_runner=pool)(lambda: outer.map([1, 2]).result()))
    said = [record.levelname for record in caplog.records if "deadlock" in record.getMessage()]
    assert (run.result, said) == (["stuck", "stuck"], ["WARNING"])
    assert [line for line in run.messages() if "deadlock" in line] == []


def test_trap_dask_in_threads_wants_a_protocol(prefect_server: PrefectServer) -> None:
    """`host="127.0.0.1"` with `processes=False` starts no scheduler; `tcp://127.0.0.1` does."""

    def state_with(host: str) -> str:
        cluster = {"processes": False, "host": host, "dashboard_address": "127.0.0.1:0"}
        runner = DaskTaskRunner(cluster_kwargs=cluster)
        return flow(name="on-dask", task_runner=runner)(lambda: task(lambda: 1).submit().result())(return_state=True).name

    assert [state_with(host) for host in ("127.0.0.1", "tcp://127.0.0.1")] == ["Failed", "Completed"]
