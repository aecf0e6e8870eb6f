"""A person's answer, a refused answer and nobody's answer, by the public API and by the scheduler's own sweep."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG
from finished_run import FinishedRun
from live_airflow import LiveAirflow
from run_dag import create_run, load_dag, register_dag_file
from task_loop import StuckRun, run_to_end

DAG_FILE = Path(__file__).with_name("ask_a_person.py")  # not dag.py: `dag.test()` would wait for ever
DAGS = ("approve_prices", "refund_order", "nobody_answers")


def answer(airflow: LiveAirflow, dag_id: str, run: str, task: str, option: str, **params: object) -> Any:
    """Wait for the question and answer it as the UI does; RuntimeError holds the API's refusal.

    Waits too until the scheduler has heard that the asking process ended: an answer before that can fail the task.
    """
    airflow.wait_for_task(dag_id, run, task, "awaiting_input")

    def heard() -> bool:
        lines = (airflow.home / "scheduler.log").read_text(errors="replace").splitlines()
        return any("Received executor event with state success" in line and run in line and f"'{task}'" in line for line in lines)

    airflow.wait(heard, lambda: f"no executor event of {task}\n{airflow.log_end('scheduler')}")
    return reply(airflow, dag_id, run, task, option, **params)


def reply(airflow: LiveAirflow, dag_id: str, run: str, task: str, option: str, **params: object) -> Any:
    """Answer without waiting; -1 is the map index of a task that is not mapped."""
    path = f"dags/{dag_id}/dagRuns/{run}/taskInstances/{task}/-1/hitlDetails"
    return airflow.call("PATCH", path, {"chosen_options": [option], "params_input": params})


@pytest.fixture
def airflow(live_airflow: LiveAirflow) -> LiveAirflow:
    """A live Airflow that knows the example."""
    live_airflow.add_dag_file("human_in_the_loop.py", DAG_FILE.read_text(), *DAGS)
    return live_airflow


@pytest.mark.slow
@pytest.mark.parametrize(("option", "publish", "report"), [("Approve", "success", "success"), ("Reject", "skipped", "success")])
def test_an_approval_decides_on_what_follows(airflow: LiveAirflow, option: str, publish: str, report: str) -> None:
    """Both answers are a success of the task and of the run; the answer names who gave it, and no second one is taken."""
    run = airflow.trigger("approve_prices")
    with airflow.without("triggerer"):
        told = answer(airflow, "approve_prices", run, "approve", option)
        assert told["responded_by"]["name"] == "admin"
        with pytest.raises(RuntimeError, match=r"409 .*has already been updated"):
            reply(airflow, "approve_prices", run, "approve", "Approve")
        assert airflow.wait_for_run("approve_prices", run) == (run, "success")
    assert airflow.tasks("approve_prices", run) == {"approve": "success", "publish": publish, "report": report}


@pytest.mark.slow
def test_a_branch_and_an_entry_hand_on_what_was_entered(airflow: LiveAirflow) -> None:
    """An option that is not offered is refused with 400 and leaves the question open."""
    run = airflow.trigger("refund_order")
    with pytest.raises(RuntimeError, match=r"400 .*Invalid options"):
        answer(airflow, "refund_order", run, "choose", "ask_sum")
    answer(airflow, "refund_order", run, "choose", "Refund")
    answer(airflow, "refund_order", run, "ask_sum", "OK", cents=250)
    assert airflow.wait_for_run("refund_order", run) == (run, "success")
    assert airflow.tasks("refund_order", run)["send_again"] == "skipped"
    assert airflow.xcom("refund_order", run, "refund") == 250


@pytest.mark.slow
@pytest.mark.parametrize(("entered", "failed", "error"), [({"cents": 9999}, "ask_sum", "maximum"), ({}, "refund", "KeyError")])
def test_silent_the_api_takes_params_that_the_form_would_not(
    airflow: LiveAirflow, entered: dict[str, int], failed: str, error: str
) -> None:
    """200 for a sum above the maximum, which fails the task, and for none at all, which fails whoever reads it."""
    run = airflow.trigger("refund_order")
    answer(airflow, "refund_order", run, "choose", "Refund")
    assert answer(airflow, "refund_order", run, "ask_sum", "OK", **entered)["params_input"] == entered
    assert airflow.wait_for_run("refund_order", run) == (run, "failed")
    assert airflow.tasks("refund_order", run)[failed] == "failed"
    assert error in airflow.task_log("refund_order", run, failed)


def let_time_pass(dag_file: Path, dag_id: str) -> FinishedRun:
    """Run up to the questions, let their time pass by the scheduler's own sweep, and run to the end."""
    from airflow import settings
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    register_dag_file(dag_file)
    dag, run = load_dag(dag_file, dag_id), create_run(dag_id)
    with pytest.raises(StuckRun, match="awaiting_input"):
        run_to_end(dag, run)
    session = settings.Session()
    for waiting in session.scalars(select(TaskInstance).where(TaskInstance.state == "awaiting_input")):
        waiting.trigger_timeout -= timedelta(days=2)
    session.commit()
    SchedulerJobRunner(job=Job(), executors=[]).check_awaiting_input_timeouts(session=session)
    session.commit()
    return run_to_end(dag, run)


@pytest.mark.usefixtures("metadata_database")
def test_time_passed_takes_the_defaults_or_fails() -> None:
    """A form without options answers itself: OK, with the defaults of its params, by nobody."""
    run = let_time_pass(DAG_FILE, "nobody_answers")
    assert run.task_states == {"which_till": "success", "how_much": "success", "approve": "failed"}
    assert run.xcoms["which_till"]["chosen_options"] == ["Oslo"]
    answered = run.xcoms["how_much"]
    assert (answered["chosen_options"], answered["params_input"]) == (["OK"], {"cents": 100})
    assert answered["responded_by_user"] is None
    assert run.observed.errors["approve"].startswith("HITLTimeoutError")


REJECTED = """
from datetime import timedelta
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, task
with DAG("rejected"):
    for name, options in (("soft", {}), ("hard", {"ignore_downstream_trigger_rules": True})):
        ask = ApprovalOperator(
            task_id=name, subject="Pay?", defaults="Reject", response_timeout=timedelta(days=1), **options
        )
        pay = task(task_id=f"{name}_pay")(lambda: 1)()
        ask >> pay >> task(task_id=f"{name}_tidy", trigger_rule="all_done")(lambda: 1)()
"""


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_no_skips_the_next_task_and_not_what_runs_whatever_happens(tmp_path: Path) -> None:
    """The run is green either way; `ignore_downstream_trigger_rules=True` skips all that follows."""
    file = tmp_path / "rejected.py"
    file.write_text(REJECTED)
    run = let_time_pass(file, "rejected")
    soft = {"soft": "success", "soft_pay": "skipped", "soft_tidy": "success"}
    hard = {"hard": "success", "hard_pay": "skipped", "hard_tidy": "skipped"}
    assert (run.state, run.task_states) == ("success", soft | hard)


def test_trap_execution_timeout_is_taken_for_the_time_to_answer() -> None:
    """With a warning, and the task has then no limit of its own."""
    with DAG("old_limit"), pytest.warns(DeprecationWarning, match="Use `response_timeout` instead"):
        ask = ApprovalOperator(task_id="ask", subject="Pay?", execution_timeout=timedelta(hours=1))
    assert (ask.execution_timeout, ask.response_timeout) == (None, timedelta(hours=1))
