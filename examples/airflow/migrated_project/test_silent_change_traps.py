"""What has another meaning in Airflow 3 and says nothing: dates, defaults, ids, keys of `default_args`."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import DAG, CronDataIntervalTimetable, TaskGroup, task
from dag_integrity import serialize_and_back
from pendulum import datetime
from run_dag import load_dag, run_dag

TRAPS = Path(__file__)
CONTEXT_KEYS = ("execution_date", "next_ds", "prev_ds", "yesterday_ds", "conf")

with DAG("moved_by_hand", schedule=CronDataIntervalTimetable("@daily", timezone="UTC")):
    task(task_id="days")(lambda ds=None, data_interval_start=None: [ds, f"{data_interval_start:%Y-%m-%d}"])()

with DAG("moved_without_a_schedule") as moved_without_a_schedule:
    task(task_id="load")(lambda: 1)()

with DAG("moved_subdag"):
    with TaskGroup("checks") as checks:
        task(task_id="checked")(lambda: 7)()

    @task
    def read(ti=None) -> list[int | None]:
        return [ti.xcom_pull(task_ids="checked"), ti.xcom_pull(task_ids="checks.checked")]

    checks >> read()

with DAG("moved_context"):

    @task
    def missing_keys(**context) -> list[str]:
        missing = []
        for key in CONTEXT_KEYS:
            try:
                context[key]
            except KeyError:
                missing.append(key)
        return missing

    missing_keys()

with DAG("moved_positional"):

    @task
    def load_day(ds: str | None = None) -> str | None:
        return ds

    load_day.override(task_id="by_position")("{{ ds }}")
    load_day.override(task_id="by_keyword")(ds="{{ ds }}")


@pytest.mark.usefixtures("metadata_database")
def test_trap_ds_of_a_run_by_hand_is_not_its_interval() -> None:
    """They are a day apart: code that means the interval has to say so."""
    run = run_dag(TRAPS, datetime(2026, 3, 4, 15), dag_id="moved_by_hand")
    assert run.xcoms == {"days": ["2026-03-04", "2026-03-03"]}


def test_trap_a_dag_that_lived_on_the_defaults_never_starts() -> None:
    """No schedule, no catchup: both were given by default."""
    scheduled = serialize_and_back(load_dag(TRAPS, "moved_without_a_schedule"))
    assert (scheduled.timetable.can_be_scheduled, scheduled.catchup) == (False, False)
    assert serialize_and_back(load_dag(TRAPS, "moved_by_hand")).timetable.can_be_scheduled


@pytest.mark.usefixtures("metadata_database")
def test_trap_the_old_id_of_a_subdags_task_finds_nothing() -> None:
    """None, in a green run; the task group is part of the id."""
    run = run_dag(TRAPS, dag_id="moved_subdag")
    assert (run.state, run.xcoms["read"]) == ("success", [None, 7])


@pytest.mark.usefixtures("metadata_database")
def test_old_keys_are_gone_from_a_run_that_has_a_date_too() -> None:
    """Every one of them is a KeyError in the worker."""
    assert run_dag(TRAPS, datetime(2026, 3, 4), dag_id="moved_context").xcoms == {"missing_keys": list(CONTEXT_KEYS)}


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_parameter_named_like_a_key_is_not_to_be_given_by_position() -> None:
    """The file loads; by keyword it is rendered."""
    run = run_dag(TRAPS, datetime(2026, 3, 4), dag_id="moved_positional")
    assert run.observed.errors["by_position"].startswith("ValueError: The key 'ds' in args is a part of kwargs")
    assert run.xcoms == {"by_keyword": "2026-03-04"}
