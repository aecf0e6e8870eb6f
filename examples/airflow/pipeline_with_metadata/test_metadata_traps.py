"""Where the extra of an asset event is lost without an error, and what a DuckDB relation no longer does."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from airflow.sdk import DAG, Asset, Metadata, task
from run_dag import run_dag

TRAPS = Path(__file__)
ORDERS, PRICES = Asset("pipeline_with_metadata_orders"), Asset("pipeline_with_metadata_prices")

with DAG("pipeline_with_metadata_lost"):

    @task(outlets=[ORDERS])
    def yields_another():
        yield Metadata(PRICES, {"rows": 1})

    @task(outlets=[ORDERS])
    def returns() -> Metadata:
        return Metadata(ORDERS, {"rows": 1})

    @task(outlets=[ORDERS])
    def yields():
        yield Metadata(ORDERS, {"rows": 1})

    @task
    def has_no_outlet():
        yield Metadata(ORDERS, {"rows": 1})

    yields_another(), returns(), yields(), has_no_outlet()


@pytest.mark.usefixtures("metadata_database")
def test_trap_an_extra_is_lost_that_is_not_yielded_for_an_outlet() -> None:
    """Another asset, `return` for `yield`, no outlet: all green, and only the fourth task's event has its rows."""
    run = run_dag(TRAPS, dag_id="pipeline_with_metadata_lost")
    extras = {event.task_id: event.extra for event in run.asset_events}
    assert run.state == "success"
    assert extras == {"yields_another": {}, "returns": {}, "yields": {"rows": 1}}


def test_trap_a_relation_has_no_fetchone() -> None:
    """Since DuckDB 2.0; the connection's result has one."""
    shop = duckdb.connect()
    with pytest.raises(AttributeError, match=r"Relations no longer have fetchone\(\)"):
        shop.sql("SELECT 1").fetchone()
    assert shop.execute("SELECT 1").fetchone() == (1,)
