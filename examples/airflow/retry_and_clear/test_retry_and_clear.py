"""Each mapped instance has its own tries; a hopeless one spends none; a clear repeats only what failed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk import DAG, task
from run_dag import rerun, run_dag

TRAPS = Path(__file__)

with DAG("retry_and_clear_timeout", default_args={"retries": 1, "retry_delay": timedelta(minutes=1)}):

    @task(execution_timeout=timedelta(seconds=1))
    def swallows_exceptions() -> str:
        from time import sleep

        try:
            sleep(60)
        except Exception as error:
            return repr(error)
        return "woke up"

    @task(execution_timeout=timedelta(seconds=1))
    def swallows_everything() -> str:
        from time import sleep

        try:
            sleep(60)
        except BaseException as error:
            return type(error).__name__
        return "woke up"

    @task
    def counts_in_xcom(ti=None) -> int:
        ti.xcom_push("seen", (ti.xcom_pull(task_ids="counts_in_xcom", key="seen") or 0) + 1)
        if ti.try_number == 1:
            raise ConnectionError
        return ti.xcom_pull(task_ids="counts_in_xcom", key="seen")

    swallows_exceptions()
    swallows_everything()
    counts_in_xcom()


with DAG("retry_and_clear_tidied"):
    task(task_id="fails")(lambda: 1 / 0)() >> task(task_id="tidies", trigger_rule="all_done")(lambda: None)()


@pytest.mark.usefixtures("metadata_database")
def test_an_instance_retries_alone_and_goes_on_where_it_was(dag_file: Path) -> None:
    """bern needs two tries, and its second one finds what the first noted; nothing was slept."""
    run = run_dag(dag_file, conf={"busy": "bern"})
    assert (run.state, run.xcoms["total"], run.task_states["import_shop[2]"]) == ("success", 3, "skipped")
    assert [run.tries[f"import_shop[{index}]"] for index in range(3)] == [2, 1, 1]
    log = "\n".join(run.observed.log)
    assert ("imported orders-2 in try 2" in log, "imported orders-1" in log) == (True, False)


@pytest.mark.usefixtures("metadata_database")
def test_a_hopeless_instance_spends_no_retry_and_only_it_is_repeated(dag_file: Path) -> None:
    """The clear takes the failed instance and what waited for it; the others keep their one try."""
    first = run_dag(dag_file, conf={"hopeless": "oslo"})
    assert (first.state, first.tries["import_shop[1]"], first.task_states["total"]) == ("failed", 1, "upstream_failed")
    again = rerun(dag_file, first.run_id, only_failed=True)
    assert [again.tries[f"import_shop[{index}]"] for index in range(3)] == [1, 2, 1]


@pytest.mark.usefixtures("metadata_database")
def test_a_time_limit_passes_through_except_exception_and_is_retried() -> None:
    """AirflowTaskTimeout is a BaseException: only what catches that swallows it, and the task is green."""
    run = run_dag(TRAPS, dag_id="retry_and_clear_timeout")
    assert run.xcoms["swallows_everything"] == "AirflowTaskTimeout"
    assert run.observed.errors["swallows_exceptions"].startswith("AirflowTaskTimeout: Timeout, PID:")
    assert run.tries["swallows_exceptions"] == 2


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_retry_does_not_see_the_xcoms_of_the_try_before() -> None:
    """A counter kept in an XCom starts again; the example keeps it in the task's state store."""
    assert run_dag(TRAPS, dag_id="retry_and_clear_timeout").xcoms["counts_in_xcom"] == 1


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_success_behind_a_failed_task_is_not_run_again() -> None:
    """Only failed and upstream-failed tasks are cleared, so the tidying of the second try does not happen."""
    first = run_dag(TRAPS, dag_id="retry_and_clear_tidied")
    again = rerun(TRAPS, first.run_id, dag_id="retry_and_clear_tidied", only_failed=True)
    assert again.tries == {"fails": 2, "tidies": 1}
