"""What was delayed is done by another process, with its retries; what a killed worker and a restarted server lose is seen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from finished_run import run_and_read
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterTaskRunId
from prefect.exceptions import ObjectNotFound
from prefect.futures import PrefectDistributedFuture
from prefect.task_worker import TaskWorker
from prefect_server import PrefectServer

pytestmark = pytest.mark.slow
JOBS = """
import time
from pathlib import Path

from prefect import task
from prefect.task_worker import serve

STARTED = Path(__file__).with_name("started.txt")


def note(line):
    with STARTED.open("a") as started:
        started.write(line + "\\n")


@task(log_prints=True)
def double(number: int, seconds: float = 0) -> int:
    note(f"double {number}")
    print("at work")
    time.sleep(seconds)
    return 2 * number


@task(retries=2, retry_delay_seconds=0)
def third_time() -> str:
    note("third_time")
    if STARTED.read_text().count("third_time") < 3:
        raise ConnectionError("busy")
    return "done"


if __name__ == "__main__":
    serve(double, third_time, limit=1)
"""


@pytest.fixture
def jobs(prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module of two tasks that serves them when it is run."""
    (tmp_path / "shop_jobs.py").write_text(JOBS)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("shop_jobs", None)
    yield import_module("shop_jobs")
    del sys.modules["shop_jobs"]


@contextmanager
def worker(script: Path, *arguments: str, says_to: Path | None = None, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A task worker as its own process, killed at the end; its log is beside the script unless `says_to` names a file."""
    command = [sys.executable, str(script), *arguments]
    with (says_to or script.with_suffix(".log")).open("ab") as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def states(*futures: PrefectDistributedFuture) -> list[str | None]:
    with get_client(sync_client=True) as client:
        return [client.read_task_run(future.task_run_id).state_name for future in futures]


def wait_until(condition: object, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def test_the_order_is_placed_before_its_receipt_is_sent(example: ModuleType, tmp_path: Path) -> None:
    """The flow is Completed with nobody serving; the receipt comes when somebody does."""
    run = run_and_read(example.place_order, order_id=7)
    [waiting] = [waiting for waiting in example.waiting_runs(example.send_receipt) if waiting.id == run.result]
    assert (run.state.name, example.RECEIPTS.exists()) == ("Completed", False)
    with worker(Path(example.__file__), "serve", says_to=tmp_path / "worker.log"):
        assert PrefectDistributedFuture(waiting.id).result(timeout=60) == "receipt of order 7"
    assert example.RECEIPTS.read_text() == "receipt of order 7\n"


def test_results_retries_and_logs_of_a_worker(jobs: ModuleType) -> None:
    """The same call twice is work twice; three tries make a result; a printed line is found by the task run's id."""
    same = [jobs.double.delay(4), jobs.double.delay(4)]
    retried = jobs.third_time.delay()
    with worker(Path(jobs.__file__)):
        assert [future.result(timeout=60) for future in (*same, retried)] == [8, 8, "done"]
        wait_until(lambda: "at work" in logged(same[0]))  # lines leave a process every two seconds
    assert sorted(jobs.STARTED.read_text().split("\n")[:-1]) == ["double 4"] * 2 + ["third_time"] * 3


def logged(future: PrefectDistributedFuture) -> list[str]:
    wanted = LogFilter(task_run_id=LogFilterTaskRunId(any_=[future.task_run_id]))
    with get_client(sync_client=True) as client:
        return [line.message for line in client.read_logs(wanted)]


def test_a_killed_worker_loses_two_runs_and_no_more(jobs: ModuleType, example: ModuleType) -> None:
    """Silent: the one at work stays Running, the next, which it held, Scheduled; a new worker does the others only."""
    running, held, *queued = [jobs.double.delay(number, 3600 if number == 0 else 0) for number in range(4)]
    with worker(Path(jobs.__file__)) as process:
        wait_until(lambda: Path(jobs.__file__).with_suffix(".log").read_text().count("Received task run") == 2)
        wait_until(lambda: states(running) == ["Running"])
        process.kill()
    with worker(Path(jobs.__file__)):
        assert [future.result(timeout=60) for future in queued] == [4, 6]
        assert states(running, held) == ["Running", "Scheduled"]
        [lost] = [run for run in example.waiting_runs(jobs.double) if run.id == held.task_run_id]
        example.queue_again(lost)
        assert held.result(timeout=60) == 2


def test_a_worker_with_another_storage_deletes_the_run(jobs: ModuleType, tmp_path: Path) -> None:
    """Silent for the caller: parameters lie in the result storage, and a worker that finds none removes the task run."""
    future = jobs.double.delay(1)
    with worker(Path(jobs.__file__), PREFECT_RESULTS_LOCAL_STORAGE_PATH=str(tmp_path / "elsewhere")):
        with pytest.raises(ObjectNotFound):
            wait_until(lambda: states(future) == ["Completed"])
    assert "because it failed to submit" in Path(jobs.__file__).with_suffix(".log").read_text()


def test_runs_of_the_code_before_an_edit_have_no_worker(jobs: ModuleType) -> None:
    """Silent: the key of a task holds its code, so a deployment of new code orphans what waits; the old code finds it."""
    future = jobs.double.delay(5)
    script = Path(jobs.__file__)
    edited = script.with_name("edited_jobs.py")
    edited.write_text(JOBS.replace("return 2 * number", "return number + number"))
    with worker(edited):
        wait_until(lambda: "Subscribing to runs" in edited.with_suffix(".log").read_text())
        with pytest.raises(TimeoutError):
            future.result(timeout=4)
    with worker(script):
        assert future.result(timeout=60) == 10


def test_a_worker_needs_a_loop() -> None:
    """`serve` makes one; the class alone raises."""
    with pytest.raises(RuntimeError, match="must be initialized within an async context"):
        TaskWorker()
