"""Waits are computed and counted as over, sensors time out in simulated time, runs that cannot end are named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, PokeReturnValue, get_current_context, task
from run_dag import run_dag
from task_loop import RunOptions, StuckRun

HOUR = timedelta(hours=1)

with DAG("third_try_succeeds") as third_try_succeeds:

    @task(retries=3, retry_delay=HOUR)
    def fetch() -> int:
        tried = get_current_context()["ti"].try_number
        if tried < 3:
            raise ConnectionError(f"try {tried}")
        return tried

    fetch()

with DAG("one_try_too_few") as one_try_too_few:

    @task(retries=1, retry_delay=HOUR)
    def fetch_once_more() -> int:
        raise ConnectionError(f"try {get_current_context()['ti'].try_number}")

    fetch_once_more()

with DAG("waits_for_a_file", params={"pokes": 2}) as waits_for_a_file:

    @task.sensor(poke_interval=3600, timeout=4 * 3600, mode="reschedule")
    def wait(task_reschedule_count=None, params=None) -> PokeReturnValue:
        return PokeReturnValue(is_done=task_reschedule_count >= params["pokes"])

    wait()

with DAG("no_timeout") as no_timeout:

    @task.sensor(poke_interval=3600, timeout=365 * 24 * 3600, mode="reschedule")
    def wait_for_ever() -> bool:
        return False

    wait_for_ever()

with DAG("asks_a_person") as asks_a_person:
    ApprovalOperator(task_id="approve", subject="Load it?")


@pytest.mark.usefixtures("metadata_database")
def test_retries_run_without_sleeping_and_leave_their_waits(dag_file: Path) -> None:
    """Three tries, two hours of waits; with one try too few the last error is the one reported."""
    good = run_dag(dag_file, dag_id="third_try_succeeds")
    assert (good.state, good.tries, good.observed.waits) == ("success", {"fetch": 3}, {"fetch": [HOUR, HOUR]})
    assert good.observed.errors == {}
    bad = run_dag(dag_file, dag_id="one_try_too_few")
    assert (bad.state, bad.observed.waits) == ("failed", {"fetch_once_more": [HOUR]})
    assert bad.observed.errors == {"fetch_once_more": "ConnectionError: try 2"}


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(("pokes", "state", "waited"), [(2, "success", 2), (9, "failed", 4)])
def test_a_sensor_pokes_and_times_out_in_simulated_time(dag_file: Path, pokes: int, state: str, waited: int) -> None:
    """The pokes are an hour apart and the sensor gives up after four hours; nothing was slept."""
    run = run_dag(dag_file, dag_id="waits_for_a_file", conf={"pokes": pokes})
    assert (run.state, len(run.observed.waits["wait"]), run.tries) == (state, waited, {"wait": 1})
    assert [round(wait / HOUR, 3) for wait in run.observed.waits["wait"]] == [1.0] * waited


@pytest.mark.usefixtures("metadata_database")
def test_a_sensor_that_never_ends_is_named(dag_file: Path) -> None:
    """The message says which DAG, how long, and where each task stands."""
    with pytest.raises(StuckRun, match=r"no_timeout .*not at its end after 5 turns: \{'wait_for_ever': 'up_for_reschedule'\}"):
        run_dag(dag_file, dag_id="no_timeout", options=RunOptions(max_turns=5))


@pytest.mark.usefixtures("metadata_database")
def test_a_task_that_waits_for_a_person_is_named(dag_file: Path) -> None:
    """`dag.test()` would hang here."""
    with pytest.raises(StuckRun, match=r"nothing can run: \{'approve': 'awaiting_input'\}"):
        run_dag(dag_file, dag_id="asks_a_person")
