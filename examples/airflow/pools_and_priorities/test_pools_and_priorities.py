"""The scheduler's own decision, one turn at a time: what it would queue now, within pools, priorities and limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from private_names import queue_within_limits
from run_dag import create_run, register_dag_file

pytestmark = pytest.mark.usefixtures("metadata_database")
CHAINS = """
from airflow.sdk import DAG, task
with DAG("chains"):
    def step(name, **options):
        return task(task_id=name, **options)(lambda: 1)()
    step("long") >> step("next") >> step("last")
    step("urgent", priority_weight=2)
with DAG("wide"):
    step("needs_two", pool_slots=2, priority_weight=9)
    step("needs_one")
"""


def set_pool(name: str, slots: int) -> None:
    """Create or resize a pool, as `airflow pools set` does."""
    from airflow.models.pool import Pool

    Pool.create_or_update_pool(name, slots, description="", include_deferred=False)


def queue_next(limit: int = 100) -> list[str]:
    """Schedule what is ready, then queue what the limits allow; the task ids of this turn, in order of their priority."""
    from airflow import settings
    from airflow.executors.local_executor import LocalExecutor
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dagrun import DagRun
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.state import DagRunState
    from sqlalchemy import select

    session = settings.Session()
    for run in session.scalars(select(DagRun)).all():
        run.state, run.dag = DagRunState.RUNNING, SerializedDagModel.get(run.dag_id, session=session).dag
        ready, _ = run.update_state(session=session, execute_callbacks=False)
        run.schedule_tis(ready, session=session)
    session.commit()
    runner = SchedulerJobRunner(job=Job(), executors=[LocalExecutor(parallelism=limit)])
    queued = [ti.task_id for ti in queue_within_limits(runner, limit, session)]
    session.commit()
    return queued


def finish(task_id: str) -> None:
    """End the running instances of a task with success."""
    from airflow import settings
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import update

    session = settings.Session()
    running = update(TaskInstance).where(TaskInstance.task_id == task_id, TaskInstance.state == "queued")
    session.execute(running.values(state="success"))
    session.commit()


def test_the_report_goes_first_and_the_pool_is_never_overfull(dag_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two slots: the report and one copy, then nothing, then as many as became free."""
    monkeypatch.setenv("SHOP_POOL", "warehouse")
    set_pool("warehouse", 2)
    register_dag_file(dag_file)
    create_run("copy_tables")
    assert queue_next() == ["report", "copy"]
    assert queue_next() == []
    finish("report")
    assert queue_next() == ["copy"]


def test_limits_of_a_task_hold_within_a_run_and_over_all_runs(dag_file: Path) -> None:
    """The default pool has room for all: two copies a run, three in both runs together."""
    register_dag_file(dag_file)
    create_run("copy_tables")
    assert sorted(queue_next()) == ["copy", "copy", "report"]
    create_run("copy_tables")
    assert sorted(queue_next()) == ["copy", "report"]


def test_a_pool_that_does_not_exist_starts_nothing_and_fails_nothing(
    dag_file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Import is green and the tasks stay scheduled; only the scheduler's log tells. With the pool they go."""
    monkeypatch.setenv("SHOP_POOL", "warehouse")
    register_dag_file(dag_file)
    create_run("copy_tables")
    assert queue_next() == []
    assert "Tasks using non-existent pool 'warehouse' will not be scheduled" in "".join(capfd.readouterr())
    set_pool("warehouse", 9)
    assert sorted(queue_next()) == ["copy", "copy", "report"]


@pytest.mark.parametrize(("rule", "first"), [("downstream", "long"), ("absolute", "urgent")])
def test_a_long_chain_beats_a_higher_number_by_default(tmp_path: Path, rule: str, first: str) -> None:
    """`downstream` adds the weights of all that follows: 3 for the chain's head, 2 for the urgent task."""
    chains = tmp_path / "chains.py"
    chains.write_text(CHAINS.replace("**options)(lambda", f"weight_rule='{rule}', **options)(lambda"))
    set_pool("default_pool", 1)
    register_dag_file(chains)
    create_run("chains")
    assert queue_next() == [first]


def test_a_task_that_needs_more_slots_than_are_free_is_overtaken(tmp_path: Path) -> None:
    """One of two slots is taken: the important task waits while a smaller one passes it, each time again."""
    chains = tmp_path / "chains.py"
    chains.write_text(CHAINS)
    set_pool("default_pool", 2)
    register_dag_file(chains)
    create_run("chains")
    assert queue_next(1) == ["long"]
    create_run("wide")
    assert "needs_two" not in queue_next()
