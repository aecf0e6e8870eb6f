"""Load a DAG file as Airflow does, run one of its DAGs in this process, and report what happened.

Real: DagBag parsing, serialization, the task runner, the Execution API and the metadata database.
Simulated by `dag.test()`: no scheduler, executor, pools or queues; tasks run one after another in this
process; the ORM is open to tasks (production blocks it); every run is of type manual.
A retry delay is really slept here; `scheduler_steps.py` has the form that does not sleep.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.sdk import DAG

DAGS_FOLDER_VARIABLE = "AIRFLOW__CORE__DAGS_FOLDER"


class DagFileError(Exception):
    """A DAG file did not import, or defines no DAG, or not the DAG that was asked for."""


@dataclass(frozen=True)
class FinishedRun:
    """What one DAG run left in the metadata database.

    Keys of `task_states`, `tries` and `xcoms` are task ids; a mapped task instance is `task_id[index]`.
    `xcoms` holds decoded return values only.
    """

    run_id: str
    state: str
    task_states: dict[str, str | None]
    tries: dict[str, int]
    xcoms: dict[str, Any]


def load_dag(dag_file: Path, dag_id: str | None = None) -> DAG:
    """Parse `dag_file` and return its DAG `dag_id`, or its only one.

    Raises DagFileError with the path, and file:line from the traceback, of everything that did not import.
    """
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_file)
    if bag.import_errors:
        raise DagFileError("\n".join(f"{path}: {error}" for path, error in bag.import_errors.items()))
    found = sorted(bag.dags)
    if dag_id is None and len(found) == 1:
        return bag.dags[found[0]]
    if dag_id not in found:
        raise DagFileError(f"{dag_file}: no DAG {dag_id!r}; found {found}")
    return bag.dags[dag_id]


@contextmanager
def dag_file_as_bundle(dag_file: Path) -> Iterator[None]:
    """Make `dag_file` the whole DAGs folder: `dag.test()` refuses a DAG that no bundle holds."""
    from airflow import settings

    before = os.environ.get(DAGS_FOLDER_VARIABLE)
    os.environ[DAGS_FOLDER_VARIABLE] = str(dag_file.resolve())
    settings.configure_vars()
    try:
        yield
    finally:
        if before is None:
            del os.environ[DAGS_FOLDER_VARIABLE]
        else:
            os.environ[DAGS_FOLDER_VARIABLE] = before
        settings.configure_vars()


def run_dag(
    dag_file: Path,
    logical_date: datetime | None,
    *,
    dag_id: str | None = None,
    conf: dict[str, Any] | None = None,
) -> FinishedRun:
    """Run a DAG to its end with `dag.test()`.

    `logical_date=None` gives a run without one, as asset events and `airflow dags trigger` make: no `ds`.
    Running the same logical date again replaces the earlier run.
    """
    dag = load_dag(dag_file, dag_id)
    with dag_file_as_bundle(dag_file):
        run = dag.test(logical_date=logical_date, run_conf=conf)
    return read_run(run)


def read_run(run: DagRun) -> FinishedRun:
    """Read the states and decoded return values of `run` from the open metadata database."""
    instances = run.get_task_instances()
    return FinishedRun(
        run_id=run.run_id,
        state=str(run.state),
        task_states={_instance_name(ti): ti.state and str(ti.state) for ti in instances},
        tries={_instance_name(ti): ti.try_number for ti in instances},
        xcoms=_read_return_values(run),
    )


def _read_return_values(run: DagRun) -> dict[str, Any]:
    from airflow import settings
    from airflow.models.xcom import XComModel
    from airflow.sdk.serde import deserialize
    from sqlalchemy import select

    rows = settings.Session().scalars(
        select(XComModel).where(XComModel.dag_id == run.dag_id, XComModel.run_id == run.run_id, XComModel.key == "return_value")
    )
    # deserialize_value() alone leaves tuples, dates and Decimals as {"__classname__": ...}.
    return {_instance_name(row): deserialize(XComModel.deserialize_value(row)) for row in rows}


def _instance_name(row: TaskInstance | XComModel) -> str:
    return row.task_id if row.map_index < 0 else f"{row.task_id}[{row.map_index}]"
