"""Events are read once the server has them, and their absence is said with what was waited for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import server_events
from prefect import flow
from prefect.assets import materialize
from prefect.events import emit_event
from prefect_server import PrefectServer
from server_events import stored_events

pytestmark = pytest.mark.slow
LOADED = "duckdb://shop/loaded"
SUCCEEDED = "prefect.asset.materialization.succeeded"


@materialize(LOADED)
def load(rows: int) -> int:
    """Says how many rows it loaded only in what it returns."""
    return rows


@flow
def load_once() -> int:
    """Materializes through the decorated task."""
    return load(2)


@flow
def load_behind_its_back() -> int:
    """The same work, and no asset event: the function was called, not the task."""
    return load.fn(2)


def test_all_events_since_then_in_order(prefect_server: PrefectServer) -> None:
    """Three events of this name and resource, none of another, oldest first."""
    start = datetime.now(UTC)
    for count in range(3):
        emit_event("file.landed", {"prefect.resource.id": "file.orders"}, payload={"count": count})
        emit_event("file.landed", {"prefect.resource.id": "file.other"})
    events = stored_events("file.landed", "file.orders", since=start, at_least=3)
    assert [event.payload["count"] for event in events] == [0, 1, 2]


def test_a_materialization_that_was_not_announced(prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both flows return 2; only one of them told the server."""
    start = datetime.now(UTC)
    assert (load_once(), len(stored_events(SUCCEEDED, LOADED, since=start))) == (2, 1)
    monkeypatch.setattr(server_events, "WAIT_SECONDS", 2)
    later = datetime.now(UTC)
    assert load_behind_its_back() == 2
    with pytest.raises(TimeoutError, match=f"0 of 1 events {SUCCEEDED} about {LOADED}"):
        stored_events(SUCCEEDED, LOADED, since=later)
