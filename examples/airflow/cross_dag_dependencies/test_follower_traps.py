"""A follower that starts again, gets text for a number, or waits for what has failed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pendulum
import pytest
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import DAG, CronDataIntervalTimetable, task
from run_dag import rerun, run_dag
from scheduler_steps import register_dag_file, run_queued

pytestmark = pytest.mark.usefixtures("metadata_database")
TRAPS = Path(__file__)
START = pendulum.datetime(2026, 3, 2)
DAILY = CronDataIntervalTimetable("0 0 * * *", timezone="UTC")
TARGET = "cross_dag_dependencies_target"
HAND_OVER = {"trigger_dag_id": TARGET, "logical_date": None, "conf": {"count": "{{ 3 }}"}}

with DAG("cross_dag_dependencies_again"):
    TriggerDagRunOperator(task_id="unnamed", **HAND_OVER)
    TriggerDagRunOperator(task_id="named", trigger_run_id="of__{{ run_id }}", skip_when_already_exists=True, **HAND_OVER)

with DAG("cross_dag_dependencies_native", render_template_as_native_obj=True):
    TriggerDagRunOperator(task_id="native", **HAND_OVER)

with DAG(TARGET, params={"count": 0}):
    task(task_id="count")(lambda params=None: params["count"])()

with DAG("cross_dag_dependencies_broken", schedule=DAILY, start_date=START):
    task(task_id="load")(lambda: 1 / 0)()

with DAG("cross_dag_dependencies_waits", schedule=DAILY, start_date=START):
    for name, states in {"waits": None, "told": ["failed"]}.items():
        ExternalTaskSensor(
            task_id=name,
            external_dag_id="cross_dag_dependencies_broken",
            external_task_id="load",
            failed_states=states,
            mode="reschedule",
            poke_interval=600,
            timeout=3600,
        )


def counts() -> list[object]:
    """Run what is queued; what each run was given."""
    return [run.xcoms["count"] for run, _ in run_queued(TRAPS, TARGET).values()]


def test_trap_a_cleared_task_starts_its_follower_again() -> None:
    """Two runs, then one more: that of the task without `trigger_run_id`."""
    register_dag_file(TRAPS)
    first = run_dag(TRAPS, dag_id="cross_dag_dependencies_again")
    before = len(counts())
    again = rerun(TRAPS, first.run_id, dag_id="cross_dag_dependencies_again")
    assert (before, len(counts()), again.task_states) == (2, 1, {"unnamed": "success", "named": "skipped"})


def test_trap_a_number_in_the_conf_is_text_unless_the_caller_is_native() -> None:
    """The setting of the calling DAG decides, not that of the one that is called."""
    register_dag_file(TRAPS)
    run_dag(TRAPS, dag_id="cross_dag_dependencies_again")
    as_text = counts()
    run_dag(TRAPS, dag_id="cross_dag_dependencies_native")
    assert (as_text, counts()) == (["3", "3"], [3])


def test_trap_a_failed_load_is_waited_for_until_the_timeout() -> None:
    """Six pokes in vain; with `failed_states` none."""
    day = (START, START.add(days=1))
    run_dag(TRAPS, START, dag_id="cross_dag_dependencies_broken", data_interval=day)
    run = run_dag(TRAPS, START, dag_id="cross_dag_dependencies_waits", data_interval=day)
    assert {name: error.split(":")[0] for name, error in run.observed.errors.items()} == {
        "waits": "AirflowSensorTimeout",
        "told": "ExternalTaskFailedError",
    }
    waits = {name: [round(wait / timedelta(minutes=10)) for wait in found] for name, found in run.observed.waits.items()}
    assert waits == {"waits": [1] * 6}
