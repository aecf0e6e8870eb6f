"""What the server shows after a run, and when lineage or an event is silently missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from uuid import uuid4

import pytest
from finished_run import run_and_read
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, create_table_artifact
from prefect.assets import Asset, materialize
from prefect.cache_policies import INPUTS, TASK_SOURCE
from prefect.events import emit_event
from prefect_server import PrefectServer
from server_events import read_events, stored_events

OUTCOMES = ["prefect.asset.materialization.succeeded", "prefect.asset.materialization.failed"]


def test_every_artifact_of_the_run(example: ModuleType) -> None:
    """Progress ends at 100; the link is stored as markdown; the report starts with its heading."""
    shown = {artifact.key: (artifact.type, artifact.data) for artifact in run_and_read(example.publish_revenue).artifacts}
    table = json.loads(shown["revenue"][1])
    assert (shown["orders-read"], shown["revenue-source"]) == (
        ("progress", 100.0), ("markdown", "[orders](https://shop.example/orders)"),
    )  # fmt: skip
    assert table == [{"day": "2026-03-01", "cents": 2250}, {"day": "2026-03-02", "cents": 900}]
    assert shown["revenue-report"][1] == "\n# Revenue\n\n2 days, 3150 cents\n"


def materialized(body: Callable[[], object], key: str) -> list[tuple[str, list[str]]]:
    """The outcomes that were announced for an asset, each with the assets above it; a marker sent last is waited for."""
    since, marker = datetime.now(UTC), f"marker-{uuid4().hex}"
    flow(name="materializing")(body)(return_state=True)
    emit_event("test.marker", {"prefect.resource.id": marker})
    stored_events("test.marker", marker, since=since)
    return [
        (event.event.rsplit(".", 1)[1], [related.id for related in event.related if related.role == "asset"])
        for event in read_events(OUTCOMES, key, since)
    ]


def test_lineage_and_metadata_of_the_example(example: ModuleType) -> None:
    """Revenue comes from orders, and says how many days it has."""
    since = datetime.now(UTC)
    assert materialized(example.publish_revenue.fn, example.REVENUE.key) == [("succeeded", [example.ORDERS.key])]
    [event] = stored_events(OUTCOMES[0], example.REVENUE.key, since=since)
    assert event.payload == {"days": 2}


RAW, STAGED = "duckdb://shop/raw", "duckdb://shop/staged"
raw = materialize(RAW)(lambda: [1, 2])
raw_rows = materialize(RAW)(lambda: [("mon", 1), ("tue", 2)])
staged = materialize(STAGED)(lambda rows: rows)
declared = materialize(STAGED, asset_deps=[RAW])(lambda rows: rows)
failing = materialize(STAGED)(lambda rows: 1 // 0)
LINEAGE: dict[str, tuple[Callable[[], object], list[tuple[str, list[str]]]]] = {
    "the value itself": (lambda: staged(raw()), [("succeeded", [RAW])]),
    "through a plain task": (lambda: staged(task(lambda rows: rows)(raw())), [("succeeded", [RAW])]),
    "wait_for": (lambda: staged([], wait_for=[raw.submit()]), [("succeeded", [RAW])]),
    "a copy that holds the same objects": (lambda: staged([*raw_rows()]), [("succeeded", [RAW])]),
    "silent: rebuilt rows have no lineage": (lambda: staged([[*row] for row in raw_rows()]), [("succeeded", [])]),
    "silent: a copy of numbers or texts has none": (lambda: staged([*raw()]), [("succeeded", [])]),
    "right: a copy with asset_deps": (lambda: declared([*raw()]), [("succeeded", [RAW])]),
    "a failure is announced too": (lambda: failing(raw()), [("failed", [RAW])]),
    "silent: the function announces nothing": (lambda: staged.fn(raw()), []),
}


@pytest.mark.parametrize("case", LINEAGE)
def test_what_is_announced(prefect_server: PrefectServer, case: str) -> None:
    """Events about the asset `staged`, with the assets above it."""
    body, events = LINEAGE[case]
    assert materialized(body, STAGED) == events


def test_cached_asset_announces_nothing(prefect_server: PrefectServer) -> None:
    """Silent: an automation that waits for the asset waits on. Right: no cache on what materializes."""
    cached = materialize(STAGED, cache_policy=INPUTS + TASK_SOURCE)(lambda unique: unique)
    unique = uuid4().hex
    assert [materialized(lambda: cached(unique), STAGED) for _ in range(2)] == [[("succeeded", [])], []]


@pytest.mark.parametrize(
    ("make", "message"),
    [(lambda: create_markdown_artifact(key="daily_report", markdown="x"), "lowercase letters, numbers, and dashes"),
     (lambda: create_table_artifact(key="t", table=[1, 2]), "valid dictionary"),
     (lambda: Asset(key="orders"), "must be a valid URI")],
)  # fmt: skip
def test_what_is_refused(prefect_server: PrefectServer, make: Callable[[], object], message: str) -> None:
    """Keys and tables of the wrong form fail the run that makes them."""
    with pytest.raises(ValueError, match=message):
        flow(name="refused")(make)()


def test_what_is_accepted_though_wrong(prefect_server: PrefectServer) -> None:
    """Silent: columns of two lengths are stored as they are, progress above 100 becomes 100."""

    def body() -> None:
        create_table_artifact(key="ragged", table={"day": ["mon"], "cents": [1, 2]})
        create_progress_artifact(key="beyond", progress=140)

    shown = {artifact.key: artifact.data for artifact in run_and_read(flow(name="accepted")(body)).artifacts}
    assert (json.loads(shown["ragged"]), shown["beyond"]) == ({"day": ["mon"], "cents": [1, 2]}, 100)
