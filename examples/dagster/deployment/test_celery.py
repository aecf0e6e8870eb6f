"""Real Celery workers in processes of their own, over a broker of files: who runs which step, and what nobody reports.

Real: `dagster-celery worker start`, `dg launch`, the executor, Celery's queues. Simulated: the broker's server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import dagster as dg
import psutil
import pytest
import yaml
from code_location import load_definitions_file
from dagster_celery import celery_executor
from dagster_celery.executor import CeleryExecutor
from dagster_celery.make_app import make_app
from finished_run import FinishedRun, read_run

DEFINITIONS = Path(__file__).with_name("celery_orders.py")
BIN = Path(sys.executable).parent
WAIT_SECONDS = 120


def wait_for(condition: Callable[[], object], why: str) -> None:
    """Return when the condition holds; raises AssertionError with the reason when it never does."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)


@dataclass
class Shop:
    """A folder with queues, the instance, and every process that a test starts."""

    folder: Path
    instance: dg.DagsterInstance
    code: ModuleType
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A program of this environment, its output in `<number>.log`."""
        known = {**os.environ, "DAGSTER_HOME": str(self.folder / "dagster_home"), "PATH": f"{BIN}:{os.environ['PATH']}"}
        with self.log(len(self.processes)).open("wb") as log:
            process = subprocess.Popen([str(BIN / command[0]), *command[1:]], cwd=self.folder, env=known, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def log(self, number: int) -> Path:
        return self.folder / f"{number}.log"

    def start_worker(self, *queues: str, pool: str = "solo") -> psutil.Process:
        """The Celery process below `dagster-celery worker start`, when it takes messages."""
        options = ["-A", "dagster_celery.app", "-y", "celery.yaml", *queues]
        process = self.start("dagster-celery", "worker", "start", *options, "--", "--pool", pool, "--concurrency", "1")
        log = self.log(len(self.processes) - 1)
        wait_for(lambda: " ready." in log.read_text() or process.poll() is not None, "the worker does not start")
        assert process.poll() is None, log.read_text()
        return psutil.Process(process.pid).children()[0]

    def launch(self, job: str) -> subprocess.Popen[bytes]:
        return self.start("dg", "launch", "--job", job, "-f", str(DEFINITIONS))

    def run_of(self, job: str) -> FinishedRun | None:
        runs = self.instance.get_runs(dg.RunsFilter(job_name=job), limit=1)
        return read_run(self.instance, runs[0].run_id) if runs else None

    def finish(self, job: str, process: subprocess.Popen[bytes]) -> FinishedRun:
        """The job's run, after its process has ended."""
        process.wait(WAIT_SECONDS)
        run = self.run_of(job)
        assert run is not None
        return run

    def waiting(self, queue: str) -> int:
        """Number of messages in a queue."""
        return len(list((self.folder / "queues").glob(f"*.{queue}.msg")))

    def end(self) -> None:
        """Kill what was started, and what that has started."""
        roots = [psutil.Process(process.pid) for process in self.processes if process.poll() is None]
        for each in [child for root in roots for child in root.children(recursive=True)] + roots:
            if each.is_running():
                each.kill()
        for process in self.processes:
            process.wait(WAIT_SECONDS)


@pytest.fixture
def shop(stored_instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Empty queues, and the file of settings that the workers read."""
    for name in ("queues", "results"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("CELERY_FOLDER", str(tmp_path))
    code = load_definitions_file(DEFINITIONS)
    (tmp_path / "celery.yaml").write_text(yaml.safe_dump({"execution": {"config": code.CELERY}}))
    opened = Shop(tmp_path, stored_instance, code)
    try:
        yield opened
    finally:
        opened.end()


@pytest.mark.slow
def test_a_step_runs_in_a_worker_of_its_queue(shop: Shop) -> None:
    """A worker of `dagster` leaves `big` alone and goes on with later steps; the run waits until a worker of `big` comes."""
    small = shop.start_worker()
    load = shop.launch("load")
    wait_for(lambda: shop.waiting("big"), "the second step is not sent")
    failed = shop.finish("fail", shop.launch("fail"))
    assert (failed.status, failed.errors["broken"]) == ("FAILURE", "ValueError: no orders today")
    assert (shop.run_of("load").status, shop.run_of("load").steps["revenue"]) == ("STARTED", "not started")
    assert (shop.waiting("big"), load.poll()) == (1, None)

    big = shop.start_worker("-q", "big")
    run = shop.finish("load", load)
    assert (run.status, run.steps) == ("SUCCESS", {"orders": "success", "revenue": "success"})
    assert {asset: data["pid"] for asset, data in run.metadata.items()} == {"orders": small.pid, "revenue": big.pid}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "heard"), [(("-q", "dagster", "-q", "big"), ["big"]), (("-q", "dagster,big"), ["big", "dagster"])]
)
def test_trap_of_two_q_options_a_worker_hears_the_last(shop: Shop, options: tuple[str, ...], heard: list[str]) -> None:
    """Silent, and against its `--help`: steps of the first queue wait for ever. One option with a comma is heard."""
    shop.start_worker(*options)
    celery = make_app(CeleryExecutor.for_cli(**shop.code.CELERY).app_args())
    (queues,) = celery.control.inspect(timeout=60, limit=1).active_queues().values()
    assert sorted(queue["name"] for queue in queues) == heard


@pytest.mark.slow
def test_trap_a_step_of_a_killed_worker_is_lost(shop: Shop) -> None:
    """Silent: the run stays STARTED, and a new worker does not get the step. A signal to the run's process ends it."""
    worker = shop.start_worker()
    endless = shop.launch("wait")
    wait_for((shop.folder / "endless.pid").exists, "the step does not start")
    worker.kill()
    wait_for(lambda: not worker.is_running(), "the worker lives")

    shop.start_worker()
    assert shop.finish("fail", shop.launch("fail")).status == "FAILURE"
    assert (shop.run_of("wait").status, shop.run_of("wait").tries, endless.poll()) == ("STARTED", {"endless": 1}, None)
    endless.terminate()
    assert shop.finish("wait", endless).status == "FAILURE"


@pytest.mark.slow
def test_a_killed_child_of_a_worker_fails_the_run(shop: Shop) -> None:
    """What the out-of-memory killer does in the pool `prefork`, Celery's default: the worker lives and reports the loss."""
    worker = shop.start_worker(pool="prefork")
    endless = shop.launch("wait")
    started = shop.folder / "endless.pid"
    wait_for(lambda: started.exists() and started.read_text(), "the step does not start")
    os.kill(int(started.read_text()), signal.SIGKILL)
    run = shop.finish("wait", endless)
    assert (run.status, worker.is_running()) == ("FAILURE", True)
    assert "WorkerLostError" in str(run.errors)


def test_trap_a_misspelt_key_of_the_executor_loads() -> None:
    """It is the run that refuses it; `validate_run_config` says it in a test."""

    @dg.job(executor_def=celery_executor.configured({"brokr": "redis://redis:6379/0"}))
    def load() -> None:
        pass

    dg.Definitions.validate_loadable(dg.Definitions(jobs=[load]))
    with pytest.raises(dg.DagsterInvalidConfigError, match='unexpected config entry "brokr"'):
        dg.validate_run_config(load)


@pytest.mark.parametrize(("key", "late"), [("task_ack_late", False), ("task_acks_late", True)])
def test_trap_a_misspelt_setting_of_celery_does_nothing(key: str, late: bool) -> None:
    """Silent: below `config_source` neither Dagster nor Celery refuses a name."""

    @dg.job(executor_def=celery_executor.configured({"config_source": {key: True}}))
    def load() -> None:
        pass

    dg.validate_run_config(load)
    assert make_app(CeleryExecutor.for_cli(config_source={key: True}).app_args()).conf.task_acks_late is late
