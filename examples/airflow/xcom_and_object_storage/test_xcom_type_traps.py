"""What an XCom takes and does not give back, and what the database's own decoder makes of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import pandas
import pytest
from airflow import settings
from airflow.models.xcom import XComModel
from airflow.sdk import DAG, task
from run_dag import run_dag
from sqlalchemy import select

TRAPS = Path(__file__)


@dataclass
class Order:
    """A class of the project's own."""

    cents: int


with DAG("xcom_and_object_storage_own_class"):

    @task
    def send(ti=None) -> dict:
        ti.xcom_push("order", Order(1250))
        return asdict(Order(1250))

    @task
    def read_object(ti=None) -> int:
        return ti.xcom_pull(task_ids="send", key="order").cents

    @task
    def read_fields(fields: dict) -> int:
        return Order(**fields).cents

    sent = send()
    sent >> read_object()
    read_fields(sent)

with DAG("xcom_and_object_storage_decoders"):
    task(task_id="pair")(lambda: (1, 2))()
    task(task_id="text")(lambda: "1")()
    task(task_id="moment")(lambda: pandas.Timestamp("2026-03-04"))()
    task(task_id="moment_as_text")(lambda: pandas.Timestamp("2026-03-04").isoformat())()


@pytest.mark.usefixtures("metadata_database")
def test_trap_a_dataclass_is_pushed_and_not_pulled() -> None:
    """The task that sends it is green, the one that reads it fails; its fields as a dict arrive."""
    run = run_dag(TRAPS, dag_id="xcom_and_object_storage_own_class")
    assert (run.task_states["send"], run.xcoms["read_fields"]) == ("success", 1250)
    assert "Order was not found in allow list for deserialization imports" in run.observed.errors["read_object"]


@pytest.mark.usefixtures("metadata_database")
def test_trap_the_model_decodes_otherwise_than_a_task() -> None:
    """A tuple is left as a dict, and the text "1" becomes a number; a pandas Timestamp is not even sent."""
    run = run_dag(TRAPS, dag_id="xcom_and_object_storage_decoders")
    rows = settings.Session().scalars(select(XComModel)).all()
    by_model = {row.task_id: XComModel.deserialize_value(row) for row in rows}
    assert by_model["pair"] == {"__classname__": "builtins.tuple", "__version__": 1, "__data__": [1, 2]}
    assert (by_model["text"], run.xcoms["text"], run.xcoms["pair"]) == (1, "1", (1, 2))
    assert run.observed.errors["moment"].startswith("TypeError: Cannot serialize object of type <class 'pandas")
    assert run.xcoms["moment_as_text"] == "2026-03-04T00:00:00"
