"""What a reducer is handed is no list, a skipped instance skips it, and the call of a task is no value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException
from run_dag import load_dag, run_dag

TRAPS = Path(__file__)

with DAG("dynamic_task_mapping_lazy"):
    prices = task(task_id="price")(lambda shop: 10 * shop).expand(shop=[1, 2])
    for name, use in {
        "shown": lambda prices: f"prices: {prices}",
        "dumped": lambda prices: json.dumps(prices),
        "returned": lambda prices: prices,
        "joined": lambda prices: prices + [5],  # noqa: RUF005, the trap itself
        "sorted_in_place": lambda prices: prices.sort(),
        "listed": lambda prices: [f"prices: {list(prices)}", json.dumps(list(prices)), sorted([*prices, 5])],
        "pulled": lambda prices, ti=None: f"prices: {ti.xcom_pull(task_ids='price')}",
    }.items():
        task(task_id=name)(use)(prices)

with DAG("dynamic_task_mapping_skipped"):

    @task
    def total(shop: str) -> int:
        if shop == "closed":
            raise AirflowSkipException
        return len(shop)

    totals = total.expand(shop=["closed", "bern"])
    task(task_id="by_default")(lambda totals: sum(totals))(totals)
    task(task_id="none_failed", trigger_rule="none_failed")(lambda totals: sum(totals))(totals)

with DAG("dynamic_task_mapping_calls"):

    @task
    def count() -> int:
        return 3

    if count() == 3:
        task(task_id="is_three")(lambda: None)()
    if count():
        task(task_id="is_true")(lambda: None)()
    task.short_circuit(task_id="decided_in_a_task")(lambda found: found == 3)(count())


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_reducer_gets_no_list() -> None:
    """Its text has no value in a green task; what wants a list fails; iterating logs an error that is none."""
    run = run_dag(TRAPS, dag_id="dynamic_task_mapping_lazy")
    assert run.xcoms["shown"] == "prices: LazyXComSequence(<unevaluated length>)"
    assert {name: error.split(":")[0] for name, error in run.observed.errors.items()} == {
        "dumped": "TypeError",
        "returned": "TypeError",
        "joined": "TypeError",
        "sorted_in_place": "AttributeError",
    }
    assert run.xcoms["listed"] == ["prices: [10, 20]", "[10, 20]", [5, 10, 20]]
    assert run.xcoms["pulled"] == "prices: [10, 20]"
    assert any("XCom not found" in line and "offset=2" in line for line in run.observed.log)


@pytest.mark.usefixtures("metadata_database")
def test_trap_one_skipped_instance_skips_the_reducer() -> None:
    """In a green run; by none_failed it has the others' values."""
    run = run_dag(TRAPS, dag_id="dynamic_task_mapping_skipped")
    assert (run.state, run.task_states["by_default"], run.xcoms["none_failed"]) == ("success", "skipped", 4)


@pytest.mark.usefixtures("metadata_database")
def test_trap_an_if_around_a_call_decides_while_the_file_is_parsed() -> None:
    """`==` compares objects and is never true, the object alone always is; each call is one more task."""
    ids = load_dag(TRAPS, "dynamic_task_mapping_calls").task_ids
    assert sorted(ids) == ["count", "count__1", "count__2", "decided_in_a_task", "is_true"]
    assert run_dag(TRAPS, dag_id="dynamic_task_mapping_calls").xcoms["decided_in_a_task"] is True


def test_a_literal_list_cannot_be_zipped() -> None:
    """Only the output of a task has `zip`, and it takes outputs only."""
    with DAG("dynamic_task_mapping_zip"):
        numbers = task(task_id="numbers")(lambda: [1, 2])()
        letters = task(task_id="letters")(lambda: ["a", "b"])()
        pair = task(task_id="pair")(lambda both: both)
        with pytest.raises(AttributeError, match="iter_references"):
            pair.expand(both=numbers.zip(["a", "b"]))
        pair.override(task_id="zipped").expand(both=numbers.zip(letters))
