"""A task whose worker says nothing any more: for how long it runs on paper, and what it needs to run again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from airflow import settings
from airflow.callbacks.database_callback_sink import DatabaseCallbackSink
from airflow.configuration import conf
from airflow.executors.local_executor import LocalExecutor
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG, task
from pendulum import now
from private_names import resolve
from run_dag import create_run, register_dag_file
from sqlalchemy import select

TRAPS = Path(__file__)
RUNNER = "airflow.jobs.scheduler_job_runner.SchedulerJobRunner"

with DAG("silent_worker"):
    task(task_id="one_try")(lambda: 1)()
    task(task_id="two_tries", retries=1)(lambda: 1)()


def look_for_silent_tasks(seconds: int) -> dict[str, str]:
    """States after the scheduler's look, when each task's last heartbeat is so many seconds old."""
    session, executor = settings.Session(), LocalExecutor()
    executor.callback_sink = DatabaseCallbackSink()
    job = Job()
    session.add(job)
    session.flush()
    for instance in session.scalars(select(TaskInstance)):
        instance.state, instance.try_number, instance.queued_by_job_id = "running", 1, job.id
        instance.start_date = instance.last_heartbeat_at = now("UTC") - timedelta(seconds=seconds)
    session.commit()
    runner = SchedulerJobRunner(job=job, executors=[executor])
    resolve(f"{RUNNER}._find_and_purge_task_instances_without_heartbeats")(runner)
    resolve(f"{RUNNER}._process_executor_events")(runner, executor, session)
    session.commit()
    return {instance.task_id: str(instance.state) for instance in session.scalars(select(TaskInstance))}


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_silent_task_runs_on_paper_for_minutes_and_needs_a_second_try() -> None:
    """Nothing is known for five minutes; then the task without retries has failed, though it did nothing wrong."""
    register_dag_file(TRAPS)
    create_run("silent_worker")
    limit = conf.getint("scheduler", "task_instance_heartbeat_timeout")
    assert limit == 300
    assert look_for_silent_tasks(limit - 60) == {"one_try": "running", "two_tries": "running"}
    assert look_for_silent_tasks(limit + 60) == {"one_try": "failed", "two_tries": "up_for_retry"}
