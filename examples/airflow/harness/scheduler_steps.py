"""The scheduler's steps, one call at a time: register a DAG file, create due runs, run them to their end.

Real: asset events, the scheduler's own code that turns them and cron ticks into DAG runs,
dependency and retry rules, the task runner and the Execution API.
Simulated: the scheduler's loop (a test calls its steps), the executor (tasks run one after another in this
process) and the clock of retries (the wait that Airflow computed is recorded, then counted as over).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from run_dag import FinishedRun, dag_file_as_bundle, load_dag, read_run

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

RetryWaits = dict[str, list[timedelta]]


def register_dag_file(dag_file: Path) -> None:
    """Write every DAG of `dag_file`, unpaused, to the metadata database, as the dag-processor does."""
    from airflow import settings
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.models.dag import DagModel
    from sqlalchemy import update

    with dag_file_as_bundle(dag_file):
        manager = DagBundlesManager()
        manager.sync_bundles_to_db()
        bundle = next(iter(manager.get_all_dag_bundles()))
        bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
        sync_bag_to_db(bag, bundle.name, bundle.version)
    session = settings.Session()
    session.execute(update(DagModel).values(is_paused=False))
    session.commit()


def create_due_runs() -> None:
    """Create the DAG runs that are due by cron or by asset events, as one turn of the scheduler's loop does.

    A turn creates at most one cron run per DAG. Cron ticks are due by the machine's clock, so a test uses
    `catchup=True` and a `start_date` in the past.
    """
    from airflow import settings
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from airflow.utils.sqlalchemy import prohibit_commit
    from sqlalchemy import select

    runner = SchedulerJobRunner(job=Job(), executors=[])
    session = settings.Session()
    for dag_model in session.scalars(select(DagModel)):
        runner._set_exceeds_max_active_runs(dag_model=dag_model, session=session)
    session.commit()
    with prohibit_commit(session) as guard:
        runner._create_dagruns_for_dags(guard, session)


def trigger(dag_file: Path, dag_id: str | None = None, conf: dict[str, Any] | None = None) -> str:
    """Queue a manual run without a logical date, as `airflow dags trigger` does; return its run id."""
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from pendulum import now

    dag_id = dag_id or load_dag(dag_file).dag_id
    serialized = SerializedDagModel.get(dag_id)
    run = serialized.dag.create_dagrun(
        run_id=f"manual__{now('UTC').isoformat()}",
        run_after=now("UTC"),
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.QUEUED,
        conf=conf,
    )
    return run.run_id


def run_queued(dag_file: Path, dag_id: str | None = None) -> dict[str, tuple[FinishedRun, RetryWaits]]:
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
    return {run.run_id: _run_to_end(dag, run) for run in runs}


def _run_to_end(dag: DAG, run: DagRun) -> tuple[FinishedRun, RetryWaits]:
    from airflow import settings
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.sdk.definitions.dag import _run_task
    from airflow.utils.state import DagRunState, TaskInstanceState

    session = settings.Session()
    run.dag = SerializedDagModel.get(dag.dag_id).dag
    run.state = DagRunState.RUNNING
    waits: RetryWaits = defaultdict(list)
    while run.state == DagRunState.RUNNING:
        session.expire_all()
        _skip_waits(run, waits)
        ready, _ = run.update_state(session=session)
        if not ready and run.state == DagRunState.RUNNING:
            raise RuntimeError(f"{run}: nothing is ready to run: {run.get_task_instances()}")
        for instance in ready:
            instance.try_number += 1
            instance.state = TaskInstanceState.SCHEDULED
        session.commit()
        for instance in ready:
            _run_task(ti=instance, task=dag.task_dict[instance.task_id], run_triggerer=True)
    session.commit()
    return read_run(run), dict(waits)


def _skip_waits(run: DagRun, waits: RetryWaits) -> None:
    from airflow import settings
    from airflow.utils.state import TaskInstanceState

    session = settings.Session()
    for instance in run.get_task_instances(state=[TaskInstanceState.UP_FOR_RETRY], session=session):
        instance.task = run.dag.get_task(instance.task_id)
        wait = instance.next_retry_datetime() - instance.end_date
        waits[instance.task_id].append(wait)
        instance.end_date -= wait + timedelta(seconds=1)
    session.commit()
