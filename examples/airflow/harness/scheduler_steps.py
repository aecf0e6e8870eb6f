"""The scheduler's steps, one call at a time: register a DAG file, create due runs, run them to their end.

Real: the scheduler's own code that turns asset events, partitions and cron ticks into DAG runs.
Simulated: its loop (a test calls the steps) and what `task_loop.py` lists.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dag_files import load_dag, register_dag_file
from finished_run import FinishedRun, Waits
from private_names import create_dag_runs
from run_dag import create_run
from task_loop import RunOptions, run_to_end

__all__ = ["create_due_runs", "register_dag_file", "run_queued", "trigger"]


def create_due_runs() -> None:
    """Create the DAG runs that are due by cron or by asset events, as one turn of the scheduler's loop does.

    A turn creates at most one cron run per DAG. Cron ticks are due by the machine's clock, so a test uses
    `catchup=True` and a `start_date` in the past.
    """
    from airflow import settings
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from sqlalchemy import select

    session = settings.Session()
    create_dag_runs(SchedulerJobRunner(job=Job(), executors=[]), session.scalars(select(DagModel)).all(), session)


def trigger(dag_file: Path, dag_id: str | None = None, conf: dict[str, Any] | None = None) -> str:
    """Queue a manual run without a logical date, as `airflow dags trigger` does; return its run id."""
    return create_run(dag_id or load_dag(dag_file).dag_id, conf=conf).run_id


def run_queued(
    dag_file: Path, dag_id: str | None = None, *, options: RunOptions | None = None
) -> dict[str, tuple[FinishedRun, Waits]]:
    """Run every queued run of a DAG, oldest first; return what each left, and the waits it did not sleep.

    Keys are run ids. A wait is what Airflow computed from the end of a failed try to the next one.
    """
    from airflow import settings
    from airflow.models.dagrun import DagRun
    from airflow.utils.state import DagRunState
    from sqlalchemy import select

    dag = load_dag(dag_file, dag_id)
    queued = select(DagRun).where(DagRun.dag_id == dag.dag_id, DagRun.state == DagRunState.QUEUED)
    runs = settings.Session().scalars(queued.order_by(DagRun.id)).all()
    finished = [run_to_end(dag, run, options) for run in runs]
    return {run.run_id: (run, run.observed.waits) for run in finished}
