"""Run one DAG of a file in this process, once, again, or only what failed, and report what happened.

Real: DagBag parsing, serialization, validation of params and partition keys, the task runner, the Execution API
and the metadata database. Simulated: what `task_loop.py` lists. Against `dag.test()`: task code cannot reach the
metadata database, waits are not slept, secrets are masked in `observed.log`, `defer()` keeps its arguments, a
run may have a partition key or a data interval of its own.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dag_files import DagFileError, dag_file_as_bundle, load_dag, register_dag_file
from finished_run import FinishedRun, read_run
from task_loop import RunOptions, run_to_end

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

__all__ = ["DagFileError", "FinishedRun", "dag_file_as_bundle", "load_dag", "read_run", "rerun", "run_dag"]


def run_dag(
    dag_file: Path,
    logical_date: datetime | None = None,
    *,
    dag_id: str | None = None,
    conf: dict[str, Any] | None = None,
    data_interval: tuple[datetime, datetime] | None = None,
    partition_key: str | None = None,
    options: RunOptions | None = None,
) -> FinishedRun:
    """Run a DAG to its end, as a run by hand.

    `logical_date=None` gives a run without one, as asset events and `airflow dags trigger` make: no `ds`. Running
    the same logical date again replaces the earlier run. `data_interval` overrules what the timetable infers.
    `conf` fills params. Raises ParamValidationError or ValueError for what Airflow would refuse to start.
    """
    dag = load_dag(dag_file, dag_id)
    register_dag_file(dag_file)
    _delete_run(dag.dag_id, logical_date)
    run = create_run(dag.dag_id, logical_date, conf=conf, data_interval=data_interval, partition_key=partition_key)
    return run_to_end(dag, run, options)


def rerun(
    dag_file: Path,
    run_id: str,
    *,
    dag_id: str | None = None,
    only_failed: bool = False,
    options: RunOptions | None = None,
) -> FinishedRun:
    """Clear a finished run, or only its failed and upstream-failed tasks, and run it to its end again.

    The file is parsed anew, so a test can mend it in between. Tries go on counting.
    """
    from airflow import settings
    from airflow.models.dagrun import DagRun
    from airflow.models.serialized_dag import SerializedDagModel
    from sqlalchemy import select

    dag = load_dag(dag_file, dag_id)
    register_dag_file(dag_file)
    session = settings.Session()
    serialized = SerializedDagModel.get(dag.dag_id).dag
    if not serialized.clear(run_id=run_id, only_failed=only_failed, run_on_latest_version=True, session=session):
        raise LookupError(f"{dag.dag_id}: nothing to clear in run {run_id!r}")
    session.commit()
    run = session.scalars(select(DagRun).where(DagRun.dag_id == dag.dag_id, DagRun.run_id == run_id)).one()
    return run_to_end(dag, run, options)


def create_run(
    dag_id: str,
    logical_date: datetime | None = None,
    *,
    run_id: str | None = None,
    conf: dict[str, Any] | None = None,
    data_interval: tuple[datetime, datetime] | None = None,
    partition_key: str | None = None,
) -> DagRun:
    """Queue a run of a registered DAG by hand, with the checks that the API server makes."""
    from airflow.models.dagrun import DagRun
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.timetables.base import DataInterval
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from pendulum import now

    dag, run_after = SerializedDagModel.get(dag_id).dag, now("UTC")
    interval = DataInterval(*data_interval) if data_interval else None
    if logical_date is not None and interval is None:
        interval = dag.timetable.infer_manual_data_interval(run_after=logical_date)
    return dag.create_dagrun(
        run_id=run_id or DagRun.generate_run_id(run_type=DagRunType.MANUAL, logical_date=logical_date, run_after=run_after),
        logical_date=logical_date,
        data_interval=interval,
        run_after=logical_date or run_after,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.QUEUED,
        conf=conf,
        partition_key=partition_key,
        partition_date=dag.timetable.resolve_partition_date(partition_key) if partition_key else None,
    )


def _delete_run(dag_id: str, logical_date: datetime | None) -> None:
    from airflow import settings
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    if logical_date is None:
        return
    session = settings.Session()
    for run in session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.logical_date == logical_date)):
        session.delete(run)
    session.commit()
