"""What an artifact takes as it is, what it refuses, and what the synchronous client asks for that no server gives."""

from __future__ import annotations

import asyncio
import inspect
from uuid import uuid4

import pandas
import pytest
from finished_run import run_and_read
from prefect import flow
from prefect.artifacts import Artifact, acreate_markdown_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.events.filters import EventFilter
from prefect.exceptions import PrefectHTTPStatusError
from prefect_server import PrefectServer

FRAME = pandas.DataFrame({"day": ["2026-03-01"], "cents": [1800]})


def test_trap_a_frame_is_no_table(prefect_server: PrefectServer) -> None:
    """Refused; its records are taken."""
    with pytest.raises(ValueError, match="valid"):
        flow(name="frame")(lambda: create_table_artifact(key="frame", table=FRAME))()
    flow(name="records")(lambda: create_table_artifact(key="frame", table=FRAME.to_dict("records")))()
    assert Artifact.get("frame").data == '[{"day": "2026-03-01", "cents": 1800}]'


def test_trap_indented_markdown_is_stored_indented(prefect_server: PrefectServer) -> None:
    """Four spaces before `#` are a block of code for every renderer, and nothing takes them away."""
    text = "\n    # Revenue\n    1800 cents\n"
    run = run_and_read(flow(name="indented")(lambda: create_markdown_artifact(key="indented", markdown=text)))
    assert [artifact.data for artifact in run.artifacts] == [text]


def test_trap_in_async_code_the_plain_function_gives_a_coroutine(prefect_server: PrefectServer) -> None:
    """Nothing is made until it is awaited; `acreate_markdown_artifact` says so by its name."""
    keys = {name: f"{name}-{uuid4().hex}" for name in ("plain", "awaited")}

    @flow
    async def report() -> bool:
        made = create_markdown_artifact(key=keys["plain"], markdown="x")
        await acreate_markdown_artifact(key=keys["awaited"], markdown="x")
        is_coroutine = inspect.iscoroutine(made)
        made.close()
        return is_coroutine

    assert asyncio.run(report())
    assert [Artifact.get(key) is not None for key in keys.values()] == [False, True]


def test_trap_a_missing_artifact_is_none(prefect_server: PrefectServer) -> None:
    """A misspelt key raises nothing."""
    assert Artifact.get("no-such-artifact") is None


def test_trap_outside_a_run_an_artifact_only_warns(prefect_server: PrefectServer) -> None:
    """It is made, belongs to no run, and a FutureWarning says that this will end."""
    with pytest.warns(FutureWarning, match="outside of a flow or task run is deprecated"):
        create_markdown_artifact(key="alone", markdown="x")
    assert Artifact.get("alone").flow_run_id is None


def test_trap_the_synchronous_client_asks_for_too_many_events(prefect_server: PrefectServer) -> None:
    """Its own default is refused with a 422; 50 is the most that the server gives."""
    with get_client(sync_client=True) as client:
        with pytest.raises(PrefectHTTPStatusError, match="422"):
            client.read_events(EventFilter())
        assert len(client.read_events(EventFilter(), limit=50).events) <= 50
