"""Deadlines that are never set, and what a deadline's callback may be and is given."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from airflow import settings
from airflow.models.deadline import Deadline
from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback
from airflow.sdk.execution_time.callback_supervisor import execute_callback
from run_dag import create_run, register_dag_file, run_dag
from sqlalchemy import select

CONTEXT = {"dag_run": {"dag_id": "load", "state": "running"}, "deadline": {"id": "1"}}
AVERAGE = """
from datetime import timedelta
from airflow.sdk import DAG, DeadlineAlert, DeadlineReference, SyncCallback, task

def late(context): ...

for name, limits in (("average_of_ten", {}), ("average_of_one", {"max_runs": 10, "min_runs": 1})):
    alert = DeadlineAlert(DeadlineReference.AVERAGE_RUNTIME(**limits), timedelta(days=9), SyncCallback(late))
    with DAG(name, deadline=alert):
        task(task_id="load")(lambda: 1)()
"""


def late(context: dict) -> None:
    """What a deadline should call."""
    assert context["dag_run"]["state"] == "running"


def late_with_another_name(run: dict) -> None:
    """Its argument is not called context."""


def late_without(text: str) -> None:
    """Has its own argument only."""
    assert text == "late"


@pytest.mark.usefixtures("metadata_database")
def test_trap_an_average_of_runs_is_no_deadline_for_the_first_ten(tmp_path: Path) -> None:
    """Nothing says so to whoever waits for the alert; `min_runs` lowers it."""
    file = tmp_path / "average.py"
    file.write_text(AVERAGE)
    register_dag_file(file)
    for dag_id in ("average_of_ten", "average_of_one"):
        run_dag(file, dag_id=dag_id)
        create_run(dag_id)
    assert [row.dagrun.dag_id for row in settings.Session().scalars(select(Deadline))] == ["average_of_one"]


def called(function: object, **kwargs: object) -> str | None:
    """What a SyncCallback's process logs as the error of a call with the deadline's context."""
    path = f"{function.__module__}.{function.__name__}"
    _, error = execute_callback(path, {"context": CONTEXT} | kwargs, None, None, structlog.get_logger())
    return error


def test_trap_the_context_is_an_argument_of_that_name_or_none() -> None:
    """A parameter named otherwise is a TypeError in the callback's log, and the alert is lost."""
    assert (called(late), called(late_without, text="late")) == (None, None)
    assert "TypeError: late_with_another_name() missing 1 required positional argument: 'run'" in str(
        called(late_with_another_name)
    )


def test_a_function_is_refused_while_the_file_is_loaded() -> None:
    """It has to say where it runs; and what the triggerer calls has to be a coroutine function."""
    alert = {"reference": DeadlineReference.DAGRUN_QUEUED_AT, "interval": timedelta(hours=1)}
    with pytest.raises(ValueError, match="Callbacks of type function are not currently supported"):
        DeadlineAlert(callback=late, **alert)
    with pytest.raises(AttributeError, match="is not awaitable"):
        AsyncCallback(late)
    assert DeadlineAlert(callback=SyncCallback(late), **alert).callback.path.endswith("late")
