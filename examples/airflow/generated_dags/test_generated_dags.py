"""Every shop of the list has its own DAG with its own values, the same at each parse."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, task
from airflow.serialization.serialized_objects import DagSerialization
from run_dag import run_dag

TRAPS = Path(__file__)

for shop in ("bern", "oslo"):
    with DAG(f"generated_dags_closure_{shop}"):

        @task
        def late() -> str:
            return shop  # noqa: B023, the trap itself

        @task
        def early(shop: str) -> str:
            return shop

        late()
        early(shop)

for text in ("first", "second"):
    with DAG("generated_dags_same_id"):
        task(task_id=text)(lambda: None)()


@pytest.mark.usefixtures("metadata_database")
@pytest.mark.parametrize(("shop", "currency"), [("bern", "CHF"), ("oslo", "NOK")])
def test_each_shop_has_its_own_values(dag_file: Path, shop: str, currency: str) -> None:
    """The value is the shop's, not the last one of the list."""
    assert run_dag(dag_file, dag_id=f"generated_dags_{shop}").xcoms == {"price": currency}


def test_two_parses_give_the_same_dags(dag_file: Path) -> None:
    """The same ids and serialized forms: no new version of a DAG at each parse."""
    parses = [{name: DagSerialization.serialize_dag(dag) for name, dag in DagBag(dag_file).dags.items()} for _ in range(2)]
    assert sorted(parses[0]) == ["generated_dags_bern", "generated_dags_oslo"]
    assert parses[0] == parses[1]


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_task_sees_the_last_value_of_the_loop() -> None:
    """A closure over the loop's variable; as an argument the value is the DAG's own."""
    assert run_dag(TRAPS, dag_id="generated_dags_closure_bern").xcoms == {"late": "oslo", "early": "bern"}


def test_trap_one_id_twice_in_a_file_loses_a_dag_without_an_error() -> None:
    """A slug that two names share; which of the two stays is not even the same in every process."""
    bag = DagBag(TRAPS)
    kept = bag.dags["generated_dags_same_id"].task_ids
    assert (bag.import_errors, len(kept), kept[0] in {"first", "second"}) == ({}, 1, True)
