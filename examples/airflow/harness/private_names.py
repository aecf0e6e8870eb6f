"""Every name of Airflow that the harness needs and Airflow does not promise to keep, in one place.

Checked on 3.3. When an upgrade moves one, `test_private_names.py` names it; nothing else has to change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from sqlalchemy.orm import Session

PRIVATE_NAMES = (
    "airflow.dag_processing.processor._execute_dag_callbacks",
    "airflow.jobs.scheduler_job_runner.SchedulerJobRunner._create_dagruns_for_dags",
    "airflow.jobs.scheduler_job_runner.SchedulerJobRunner._executable_task_instances_to_queued",
    "airflow.jobs.scheduler_job_runner.SchedulerJobRunner._set_exceeds_max_active_runs",
    "airflow.sdk._shared.secrets_masker.redact",
    "airflow.sdk._shared.secrets_masker.reset_secrets_masker",
    "airflow.sdk.execution_time.supervisor.BlockedDBSession",
    "airflow.sdk.execution_time.supervisor.InProcessSupervisorComms",
    "airflow.sdk.execution_time.supervisor.InProcessTestSupervisor",
    "airflow.sdk.execution_time.supervisor.InProcessTestSupervisor._api_client",
    "airflow.sdk.execution_time.supervisor.block_orm_access",
    "airflow.sdk.execution_time.supervisor.run_task_in_process",
    "airflow.sdk.execution_time.supervisor.set_supervisor_comms",
    "airflow.sdk.execution_time.xcom.XCom",
)


class PrivateNameMoved(ImportError):
    """This version of Airflow has no such name; mend `private_names.py`."""


def resolve(dotted: str) -> Any:
    """The object behind a dotted name; raises PrivateNameMoved with the name and Airflow's version."""
    parts = dotted.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part, None)
        if found is not None:
            return found
    from airflow import __version__

    raise PrivateNameMoved(f"Airflow {__version__} has no {dotted}: find what took its place, mend private_names.py")


def create_dag_runs(runner: SchedulerJobRunner, dag_models: Sequence[DagModel], session: Session) -> None:
    """The part of the scheduler's turn that creates runs; nothing else of the turn is done."""
    from airflow.utils.sqlalchemy import prohibit_commit

    for dag_model in dag_models:
        runner._set_exceeds_max_active_runs(dag_model=dag_model, session=session)
    session.commit()
    with prohibit_commit(session) as guard:
        runner._create_dagruns_for_dags(guard, session)


def queue_within_limits(runner: SchedulerJobRunner, limit: int, session: Session) -> list[Any]:
    """The task instances that the scheduler would queue now, at most `limit`, by pools, priorities and limits of concurrency."""
    return runner._executable_task_instances_to_queued(limit, session=session)


def run_dag_level_callback(bag: Any, request: Any, log: Any) -> None:
    """What the dag-processor does with a callback request: its context, and its silence about errors."""
    resolve("airflow.dag_processing.processor._execute_dag_callbacks")(bag, request, log)


def run_task_instance(instance: Any, task: Any) -> Any:
    """Run one queued task instance in this process; its `error` is the exception that ended it."""
    return resolve("airflow.sdk.execution_time.supervisor.run_task_in_process")(ti=instance, task=task)


def as_supervised(instance_id: Any) -> Any:
    """A context in which connections and variables are read through the Execution API, as a worker reads them."""
    import os

    import psutil
    import structlog

    supervisor_class = resolve("airflow.sdk.execution_time.supervisor.InProcessTestSupervisor")
    supervisor = supervisor_class(
        id=instance_id,
        pid=os.getpid(),
        process=psutil.Process(),
        process_log=structlog.get_logger(logger_name="task").bind(),
        client=supervisor_class._api_client(),
    )
    supervisor.comms = resolve("airflow.sdk.execution_time.supervisor.InProcessSupervisorComms")(supervisor=supervisor)
    return resolve("airflow.sdk.execution_time.supervisor.set_supervisor_comms")(supervisor.comms)


def blocked_session() -> type:
    """The class that stands in for `settings.Session` in a worker; making one raises Airflow's own error."""
    return resolve("airflow.sdk.execution_time.supervisor.BlockedDBSession")


def block_database_for_good() -> None:
    """Block the metadata database for the rest of this process, as workers and the dag-processor do at start."""
    resolve("airflow.sdk.execution_time.supervisor.block_orm_access")()


def redact() -> Callable[[Any], Any]:
    """The function that masks every secret known to this process at the moment it is called."""
    return resolve("airflow.sdk._shared.secrets_masker.redact")


def forget_secrets() -> None:
    """Empty this process's list of secrets, which an in-process run would otherwise leave to the next one."""
    resolve("airflow.sdk._shared.secrets_masker.reset_secrets_masker")()


def xcom_backend() -> Any:
    """The class that tasks read XComs with: the configured backend, whose decoder differs from the ORM's."""
    return resolve("airflow.sdk.execution_time.xcom.XCom")
