"""What `[core] parallelism` counts, and what a slow Execution API does to a worker: sent again, then given up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from airflow import settings
from airflow.configuration import conf
from airflow.executors.executor_utils import ExecutorName
from airflow.executors.local_executor import LocalExecutor
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.sdk import DAG, task
from private_names import resolve
from run_dag import create_run, register_dag_file
from sqlalchemy import select
from sqlalchemy.orm import Session

TRAPS = Path(__file__)
ASK = """
import sys, uuid, httpx
from datetime import datetime, timezone
from airflow.sdk.api.client import Client

client = Client(base_url=sys.argv[1], token="")
try:
    client.request("GET", "variables/region")
    print("ANSWER given")
except httpx.HTTPError as error:
    print("ANSWER", type(error).__name__)
"""

with DAG("executor_limit_six"):
    task(task_id="load")(lambda number: number).expand(number=[1, 2, 3, 4, 5, 6])


def start_local(parallelism: int) -> int:
    """How many processes a LocalExecutor has when it has started and no task is there."""
    executor = LocalExecutor(parallelism=parallelism)
    executor.start()
    try:
        return len([worker for worker in executor.workers.values() if worker.is_alive()])
    finally:
        executor.end()


def test_trap_a_local_executor_starts_all_its_processes_before_the_first_task() -> None:
    """With the default of 32 that many copies of the scheduler lie idle: lower it on a small machine."""
    assert start_local(3) == 3
    assert conf.getint("core", "parallelism") == 32


def test_no_limit_is_not_a_number() -> None:
    """0 meant no limit in Airflow 2."""
    with pytest.raises(ValueError, match="parallelism is set to 0 or lower"):
        LocalExecutor(parallelism=0)


def enqueue(session: Session, executors: list[LocalExecutor]) -> None:
    """The part of the scheduler's turn that hands tasks to executors; none of them is started."""
    runner = SchedulerJobRunner(job=Job(), executors=executors)
    resolve("airflow.jobs.scheduler_job_runner.SchedulerJobRunner._critical_section_enqueue_task_instances")(runner, session)
    session.commit()


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(("busy", "taken"), [(0, 4), (3, 1)])
def test_trap_two_executors_share_one_parallelism(monkeypatch: pytest.MonkeyPatch, busy: int, taken: int) -> None:
    """Each has room for four: what runs in the one is missing in the other."""
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "4")
    register_dag_file(TRAPS)
    create_run("executor_limit_six")
    session = settings.Session()
    run = session.scalars(select(DagRun)).one()
    run.state, run.dag = "running", SerializedDagModel.get(run.dag_id, session=session).dag
    ready, _ = run.update_state(session=session, execute_callbacks=False)
    run.schedule_tis(ready, session=session)
    session.commit()
    default, other = LocalExecutor(parallelism=4), LocalExecutor(parallelism=4)
    default.name, other.name = ExecutorName("default", "default"), ExecutorName("other", "other")
    other.running = {TaskInstanceKey("elsewhere", "load", "r", 1, number) for number in range(busy)}
    enqueue(session, [default, other])
    assert (len(default.queued_tasks), len(ready)) == (taken, 6)


class SlowApi(ThreadingHTTPServer):
    """An Execution API that takes `seconds` to answer; it counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        super().__init__(("127.0.0.1", 0), _SlowHandler)


class _SlowHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked += 1
        time.sleep(0.5)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def slow_api() -> Iterator[SlowApi]:
    """It answers after half a second."""
    with SlowApi() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(api: SlowApi, **settings_of_workers: str) -> str:
    """What a worker's client gets. A process of its own: the client reads its settings while it is imported."""
    own = {f"AIRFLOW__WORKERS__EXECUTION_API_{name.upper()}": value for name, value in settings_of_workers.items()}
    command = [sys.executable, "-c", ASK, f"http://127.0.0.1:{api.server_port}/execution/"]
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=True)
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")]
    return told


def test_trap_a_slow_api_is_asked_again_and_given_up(slow_api: SlowApi) -> None:
    """Each try loads it once more, and it does answer: a longer time-out gets the answer with one request."""
    quick = {"retry_wait_min": "0", "retry_wait_max": "0"}
    assert ask(slow_api, timeout="0.1", retries="3", **quick) == "ANSWER ReadTimeout"
    assert slow_api.asked == 3
    assert ask(slow_api, timeout="30", retries="3", **quick) == "ANSWER given"
    assert slow_api.asked == 4
    assert (conf.getfloat("workers", "execution_api_timeout"), conf.getint("workers", "execution_api_retries")) == (5.0, 5)
