"""The scheduler's own decision, one turn at a time: what it would queue now, within pools, priorities and limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from dag_files import dag_file_as_bundle, load_dag
from dag_integrity import find_problems
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
with DAG("one_a_run", max_active_tasks=1):
    step("first")
    step("second")
"""


def set_pool(name: str, slots: int, include_deferred: bool = False) -> None:
    """Create or resize a pool, as `airflow pools set` does."""
    from airflow.models.pool import Pool

    Pool.create_or_update_pool(name, slots, description="", include_deferred=include_deferred)


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


def finish(task_id: str, state: str = "success") -> None:
    """End the running instances of a task with success, or leave them in another state."""
    from airflow import settings
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import update

    session = settings.Session()
    running = update(TaskInstance).where(TaskInstance.task_id == task_id, TaskInstance.state == "queued")
    session.execute(running.values(state=state))
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


def test_trap_max_active_tasks_is_a_limit_of_each_run(tmp_path: Path) -> None:
    """Two runs of a DAG with a limit of one have two tasks at once: `max_active_runs=1` or a pool keeps them apart."""
    chains = tmp_path / "chains.py"
    chains.write_text(CHAINS)
    register_dag_file(chains)
    create_run("one_a_run")
    assert len(queue_next()) == 1
    create_run("one_a_run")
    assert len(queue_next()) == 1


@pytest.mark.parametrize(("include_deferred", "then"), [(False, ["copy"]), (True, [])])
def test_trap_a_deferred_task_holds_no_slot(
    dag_file: Path, monkeypatch: pytest.MonkeyPatch, include_deferred: bool, then: list[str]
) -> None:
    """Its query still runs in the warehouse, and the next one is started beside it, unless the pool counts deferred tasks."""
    monkeypatch.setenv("SHOP_POOL", "warehouse")
    set_pool("warehouse", 1, include_deferred)
    register_dag_file(dag_file)
    create_run("copy_tables")
    assert queue_next() == ["report"]
    finish("report", "deferred")
    assert queue_next() == then


def test_trap_dag_test_looks_at_no_pool(dag_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Green with a pool that no deployment has."""
    monkeypatch.setenv("SHOP_POOL", "warehouse")
    with dag_file_as_bundle(dag_file):
        assert load_dag(dag_file).test().state == "success"
    (problem, _) = find_problems(dag_file)
    assert problem.endswith("no pool 'warehouse': it would stay scheduled for ever")
