"""A test starts from an empty server and no stored results, whatever the test before it left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clean_slate import contents, wipe
from finished_run import run_and_read
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.blocks.system import Secret
from prefect.cache_policies import INPUTS
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.variables import Variable
from prefect_server import PrefectServer


@task(cache_policy=INPUTS, persist_result=True)
def square(number: int) -> int:
    """Stored under its input alone, so that a later test would get it from the cache."""
    return number**2


@flow
def squares() -> int:
    """One cached task and an artifact."""
    create_markdown_artifact("squares", key="squares")
    return square(4)


def leave_things() -> None:
    """One of each kind that a test can leave."""
    run_and_read(squares)
    squares.to_deployment("nightly").apply()
    Variable.set("bucket", "orders")
    Secret(value="x").save("api-key")
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="local", type="process"))
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="database", limit=1))
        client.create_concurrency_limit("warehouse", 1)


@pytest.mark.slow
def test_nothing_is_left(clean_server: PrefectServer) -> None:
    """Every kind is there before and gone after."""
    leave_things()
    before = contents()
    wipe(clean_server)
    names = {"flows": ["squares"], "variables": ["bucket"], "blocks": ["api-key"], "work pools": ["local"]}
    assert {kind: before[kind] for kind in names} == names
    assert (before["limits"], before["tag limits"]) == (["database", "tag:warehouse"], ["warehouse"])
    assert {kind: left for kind, left in contents().items() if left} == {}


@pytest.mark.slow
def test_a_result_stored_by_another_test_is_gone(clean_server: PrefectServer) -> None:
    """The second run takes its result from the cache; after a wipe the task runs again."""
    states = [run_and_read(squares).task_states["square"] for _ in range(2)]
    wipe(clean_server)
    assert [*states, run_and_read(squares).task_states["square"]] == [["Completed"], ["Cached"], ["Completed"]]


@pytest.mark.slow
def test_a_server_of_somebody_else_is_not_wiped(clean_server: PrefectServer) -> None:
    """A server that the session found is refused, and keeps what it has."""
    Variable.set("bucket", "orders")
    with pytest.raises(RuntimeError, match="not started by this session"):
        wipe(replace(clean_server, pid=None))
    assert contents()["variables"] == ["bucket"]
