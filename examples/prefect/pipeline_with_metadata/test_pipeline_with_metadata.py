"""Two runs leave one table, and the metadata says what is in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
from prefect.artifacts import Artifact
from server_events import stored_events

TABLE = [("2026-03-01", 2, 1800), ("2026-03-02", 2, 3250), ("2026-03-03", 1, 3600)]
SUCCEEDED = "prefect.asset.materialization.succeeded"


def rows() -> list[tuple[str, int, int]]:
    """The loaded table, oldest day first."""
    with duckdb.connect("shop_data.duckdb") as connection:
        return connection.execute("SELECT CAST(day AS VARCHAR), orders, revenue_cents FROM daily_revenue ORDER BY day").fetchall()


def test_second_run_leaves_the_same_table(example: ModuleType) -> None:
    """Running the flow twice gives the rows of running it once."""
    counts = [example.daily_revenue_pipeline(), example.daily_revenue_pipeline()]
    assert (counts, rows()) == ([3, 3], TABLE)


def test_a_corrected_file_replaces_only_its_own_days(example: ModuleType, tmp_path: Path) -> None:
    """A later batch overwrites the days it holds and leaves the others."""
    example.daily_revenue_pipeline()
    correction = tmp_path / "correction.csv"
    correction.write_text("order_id,day,product,quantity,price_cents\n3,2026-03-02,tea,2,450\n")
    example.daily_revenue_pipeline(correction)
    assert rows() == [TABLE[0], ("2026-03-02", 1, 900), TABLE[2]]


def test_a_failed_load_keeps_the_old_rows(example: ModuleType, tmp_path: Path) -> None:
    """The delete and the insert are one transaction: when the insert fails, nothing was deleted."""
    example.daily_revenue_pipeline()
    broken = example.transform.fn(example.extract.fn(example.ORDERS)).assign(revenue_cents="not a number")
    with pytest.raises(duckdb.ConversionException):
        example.load(broken)
    assert rows() == TABLE


def test_materialization_event_carries_the_metadata(example: ModuleType) -> None:
    """The asset event that the UI reads has row count, schema, owners and the upstream asset."""
    start = datetime.now(UTC)
    example.daily_revenue_pipeline()
    [event] = stored_events(SUCCEEDED, example.DAILY_REVENUE.key, since=start)
    schema = {"day": "DATE", "orders": "BIGINT", "revenue_cents": "BIGINT"}
    assert event.payload == {"row_count": 3, "schema": schema}
    assert json.loads(event.resource["prefect.asset.owners"]) == ["shop-data"]
    assert [related.id for related in event.related if related.role == "asset"] == ["file://shop/orders.csv"]


def test_table_artifact_shows_the_loaded_rows(example: ModuleType) -> None:
    """The newest artifact under the key holds the rows of the last run."""
    example.daily_revenue_pipeline()
    shown = json.loads(Artifact.get("daily-revenue").data)
    assert [(row["day"], row["orders"], row["revenue_cents"]) for row in shown] == TABLE
