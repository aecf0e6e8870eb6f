"""Why the harness has a loop of its own: what `dag.test()` lets pass or loses, side by side with it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseNotifier, BaseOperator, Connection, task
from dag_files import dag_file_as_bundle, load_dag
from finished_run import FinishedRun
from run_dag import read_run, run_dag

TOKEN = "tok-7f3a9c51e2"


class Page(BaseNotifier):
    """A notifier with a template."""

    template_fields = ("text",)
    text = "{{ run_id }}"

    def notify(self, context) -> None:
        """Print what would be sent."""
        print(f"paged {self.text}")


class WaitForJob(BaseOperator):
    """Defers with an argument."""

    def execute(self, context) -> None:
        """Wait for nothing."""
        self.defer(trigger=TimeDeltaTrigger(timedelta(0)), method_name="resume", kwargs={"job": 7})

    def resume(self, context, event, job: int | None = None) -> int | None:
        """Return the argument."""
        return job


with DAG("defers") as defers:
    WaitForJob(task_id="wait")

with DAG("opens_a_session") as opens_a_session:

    @task
    def count() -> None:
        from airflow.utils.session import create_session

        with create_session():
            pass

    count()

with DAG("prints_a_token") as prints_a_token:

    @task
    def show() -> None:
        print(f"token {Connection.get('shop_api').password}")

    show()

with DAG("reads_ds") as reads_ds:

    @task
    def read(**context) -> str:
        return context["ds"]

    read()

with DAG("pages", on_success_callback=Page()) as pages:

    @task
    def work() -> None: ...

    work()


def run_with_dag_test(dag_file: Path, dag_id: str) -> FinishedRun:
    """What most projects call."""
    with dag_file_as_bundle(dag_file):
        return read_run(load_dag(dag_file, dag_id).test())


@pytest.mark.usefixtures("metadata_database")
def test_the_arguments_of_defer_are_lost(dag_file: Path) -> None:
    """Production keeps them, and so does the harness."""
    assert run_with_dag_test(dag_file, "defers").xcoms == {}
    assert run_dag(dag_file, dag_id="defers").xcoms == {"wait": 7}


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize("dag_id", ["opens_a_session", "reads_ds"])
def test_it_is_green_where_production_is_red(dag_file: Path, dag_id: str) -> None:
    """The database is open to tasks, and a run by hand gets a logical date nobody asked for."""
    assert (run_with_dag_test(dag_file, dag_id).state, run_dag(dag_file, dag_id=dag_id).state) == ("success", "failed")


@pytest.mark.usefixtures("metadata_database")
def test_it_prints_secrets(dag_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What a log would show as stars."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", json.dumps({"conn_type": "http", "password": TOKEN}))
    run_with_dag_test(dag_file, "prints_a_token")
    assert f"token {TOKEN}" in capsys.readouterr().out
    run_dag(dag_file, dag_id="prints_a_token")
    assert f"token {TOKEN}" not in capsys.readouterr().out


@pytest.mark.usefixtures("metadata_database")
def test_it_cannot_render_a_notifier_of_the_dag(dag_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message is not sent, the log says why, the run is green; the dag-processor renders it."""
    run = run_dag(dag_file, dag_id="pages")
    assert f"paged {run.run_id}" in run.observed.log
    capsys.readouterr()
    state, printed = run_with_dag_test(dag_file, "pages").state, capsys.readouterr().out
    assert ("paged manual__" in printed, "no attribute 'get_template_env'" in printed, state) == (False, True, "success")
