"""The pipeline loads the same table however often it runs, and what Airflow shows about it is right."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pendulum
import pytest
from run_dag import load_dag, run_dag

LOGICAL_DATE = pendulum.datetime(2026, 3, 4)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an empty shop database that the DAG writes to."""
    path = tmp_path / "shop.duckdb"
    monkeypatch.setenv("SHOP_DATABASE", str(path))
    return path


def read_orders(shop: Path) -> list[tuple[object, ...]]:
    """All rows of the loaded table, dates as text."""
    with duckdb.connect(str(shop), read_only=True) as connection:
        return connection.execute("SELECT * REPLACE (ordered_on::TEXT AS ordered_on) FROM orders ORDER BY 1").fetchall()


@pytest.mark.usefixtures("metadata_database")
def test_two_runs_leave_the_same_table(dag_file: Path, shop: Path) -> None:
    """A second run replaces rows instead of adding them, and drops the order without an amount."""
    states = [run_dag(dag_file, LOGICAL_DATE.add(days=day)).state for day in (0, 1)]
    assert states == ["success", "success"]
    assert read_orders(shop) == [
        (1001, "2026-03-02", "ada", 1250),
        (1002, "2026-03-02", "grace", 499),
        (1003, "2026-03-03", "ada", 9900),
        (1005, "2026-03-03", "barbara", 300),
    ]


@pytest.mark.usefixtures("metadata_database", "shop")
def test_each_run_leaves_one_asset_event_with_counts_and_schema(dag_file: Path) -> None:
    """The event of asset `orders` holds the rows of this run and the table's schema."""
    from airflow import settings
    from airflow.models.asset import AssetEvent
    from sqlalchemy import select

    run = run_dag(dag_file, LOGICAL_DATE)
    events = settings.Session().scalars(select(AssetEvent)).all()
    assert [(event.source_run_id, event.extra) for event in events] == [
        (
            run.run_id,
            {
                "rows": 4,
                "rows_in_table": 4,
                "schema": {
                    "order_id": "INTEGER",
                    "ordered_on": "DATE",
                    "customer": "VARCHAR",
                    "amount_cents": "INTEGER",
                },
            },
        )
    ]


def test_owner_tags_and_docs_survive_serialization(dag_file: Path) -> None:
    """What the UI reads is the serialized DAG, so the labels are checked there."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(load_dag(dag_file)))
    assert dag.tags == {"shop", "duckdb"}
    assert {task.owner for task in dag.tasks} == {"shop-data"}
    assert dag.get_task("transform").doc_md.startswith("Drops orders without an amount")
