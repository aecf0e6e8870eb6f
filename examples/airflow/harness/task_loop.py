"""Bring one DAG run to its end by the scheduler's rules, without its process, its clock or an executor.

Real: dependency, mapping, trigger-rule and retry decisions, the task runner, the Execution API, callbacks.
Simulated: tasks run one after another in this process; waits are recorded and counted as over; the metadata
database is closed to task code (production does that with a process). Pools, priorities, queues and the limits
of concurrency decide nothing here. A sensor with `mode="poke"` really sleeps: it never returns to the scheduler.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from blocked_database import blocked_database
from callback_record import record_callbacks
from deferral import Deferral, run_trigger
from finished_run import FinishedRun, Observed, Waits, instance_name, read_run
from private_names import run_dag_level_callback, run_task_instance
from task_log import masked_log, start_without_secrets

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk import DAG


class StuckRun(Exception):
    """A run that no turn of the scheduler would move on; the message holds every task's state."""


@dataclass(frozen=True)
class RunOptions:
    """How a run is brought to its end.

    `on_deferral`: what happens to deferred tasks (see `deferral.py`). `max_turns`: after so many turns of the
    scheduler StuckRun is raised: a sensor without a timeout. `database_open=True` is what `dag.test()` does.
    """

    on_deferral: Deferral = run_trigger
    max_turns: int = 500
    database_open: bool = False


@dataclass
class _Notes:
    errors: dict[str, str] = field(default_factory=dict)
    waits: Waits = field(default_factory=lambda: defaultdict(list))
    log: list[str] = field(default_factory=list)


def run_to_end(dag: DAG, run: DagRun, options: RunOptions | None = None) -> FinishedRun:
    """Run the tasks of `run` until it has succeeded or failed."""
    from airflow import settings
    from airflow.utils.state import DagRunState

    options, notes, calls = options or RunOptions(), _Notes(), record_callbacks(dag)
    start_without_secrets()
    run_id, run = run.run_id, _load_run(dag.dag_id, run.run_id)
    run.state = DagRunState.RUNNING
    settings.Session().commit()
    for _ in range(options.max_turns):
        _take_turn(dag, _load_run(dag.dag_id, run_id), options, notes)
        run = _load_run(dag.dag_id, run_id)
        if run.state != DagRunState.RUNNING:
            return read_run(run, Observed(notes.errors, dict(notes.waits), calls, notes.log))
    raise StuckRun(f"{dag.dag_id} {run_id}: not at its end after {options.max_turns} turns: {_states(run)}")


def _load_run(dag_id: str, run_id: str) -> DagRun:
    """Read the run afresh: code that opens a session of its own in this thread detaches what was read before."""
    from airflow import settings
    from airflow.models.dagrun import DagRun
    from airflow.models.serialized_dag import SerializedDagModel
    from sqlalchemy import select

    session = settings.Session()
    session.expire_all()
    run = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one()
    run.dag = SerializedDagModel.get(dag_id, session=session).dag
    return run


def _take_turn(dag: DAG, run: DagRun, options: RunOptions, notes: _Notes) -> None:
    from airflow import settings
    from airflow.utils.state import DagRunState, TaskInstanceState

    session = settings.Session()
    before = _states(run)
    _skip_retry_waits(run, notes.waits)
    _skip_reschedule_waits(run, notes.waits)
    ready, callback = run.update_state(session=session, execute_callbacks=False)
    session.commit()
    run.schedule_tis(ready, session=session)
    session.commit()
    session.expire_all()
    scheduled = run.get_task_instances(state=[TaskInstanceState.SCHEDULED], session=session)
    if run.state == DagRunState.RUNNING and not scheduled and _states(run) == before:
        raise StuckRun(f"{dag.dag_id} {run.run_id}: nothing can run: {before}")
    for instance in scheduled:
        _run_instance(dag, run, instance, options, notes)
    if callback:
        with masked_log(notes.log):
            _call_back(dag, callback)


def _run_instance(dag: DAG, run: DagRun, instance: TaskInstance, options: RunOptions, notes: _Notes) -> None:
    from airflow import settings
    from airflow.sdk.api.datamodels._generated import TaskInstance as WorkerTaskInstance
    from airflow.utils.state import TaskInstanceState

    name, session = instance_name(instance), settings.Session()
    instance.state = TaskInstanceState.QUEUED
    session.commit()
    fields = ("id", "task_id", "dag_id", "run_id", "try_number", "map_index", "dag_version_id")
    worker_instance = WorkerTaskInstance(**{key: getattr(instance, key) for key in fields})
    session.commit()
    with masked_log(notes.log), nullcontext() if options.database_open else blocked_database():
        result = run_task_instance(worker_instance, dag.task_dict[instance.task_id])
    notes.errors.pop(name, None)
    if result.error is not None:
        notes.errors[name] = f"{type(result.error).__name__}: {result.error}"
    session.expire_all()
    # Read again by name: a failed try that will be retried leaves its row under a new primary key.
    after = run.get_task_instance(worker_instance.task_id, session=session, map_index=worker_instance.map_index)
    if after is not None and after.state == TaskInstanceState.DEFERRED:
        options.on_deferral(after)
        session.commit()


def _call_back(dag: DAG, request: Any) -> None:
    import structlog
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(collect_dags=False)
    bag.dags[dag.dag_id] = dag
    run_dag_level_callback(bag, request, structlog.get_logger(logger_name="processor"))


def _skip_retry_waits(run: DagRun, waits: Waits) -> None:
    from airflow import settings
    from airflow.utils.state import TaskInstanceState

    session = settings.Session()
    for instance in run.get_task_instances(state=[TaskInstanceState.UP_FOR_RETRY], session=session):
        instance.task = run.dag.get_task(instance.task_id)
        wait = instance.next_retry_datetime() - instance.end_date
        waits[instance_name(instance)].append(wait)
        instance.end_date -= wait + timedelta(seconds=1)
    session.commit()


def _skip_reschedule_waits(run: DagRun, waits: Waits) -> None:
    """Move every past poke back by the wait, so that a sensor's `timeout` sees the simulated time."""
    from airflow import settings
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    session = settings.Session()
    for instance in run.get_task_instances(state=[TaskInstanceState.UP_FOR_RESCHEDULE], session=session):
        pokes = session.scalars(
            select(TaskReschedule).where(TaskReschedule.ti_id == instance.id).order_by(TaskReschedule.id)
        ).all()
        wait = pokes[-1].reschedule_date - pokes[-1].end_date
        waits[instance_name(instance)].append(wait)
        for poke in pokes:
            poke.start_date, poke.end_date = poke.start_date - wait, poke.end_date - wait
            poke.reschedule_date -= wait
    session.commit()


def _states(run: DagRun) -> dict[str, str | None]:
    from airflow import settings

    instances = run.get_task_instances(session=settings.Session())
    return {instance_name(instance): instance.state and str(instance.state) for instance in instances}
