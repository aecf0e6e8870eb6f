"""What cannot be occupied, when a limit on a tag begins to hold, and what sets an operator's number back."""

from __future__ import annotations

from uuid import uuid4

import prefect.concurrency.sync
import pytest
from concurrency_seen import Gauge
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect_server import PrefectServer

ATTEMPTS = 3


def test_trap_more_than_the_limit_is_refused_not_awaited(prefect_server: PrefectServer) -> None:
    """A 422 in an error that only the asynchronous module shows; the whole limit can be occupied."""
    name = f"test-{uuid4().hex}"
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, limit=2)
        with pytest.raises(ConcurrencySlotAcquisitionError, match="422"), concurrency(name, occupy=3, strict=True):
            raise AssertionError("entered")
        with concurrency(name, occupy=2, strict=True):
            pass
        client.delete_global_concurrency_limit_by_name(name)
    assert not hasattr(prefect.concurrency.sync, "ConcurrencySlotAcquisitionError")


def test_trap_an_upsert_sets_an_operators_number_back(prefect_server: PrefectServer) -> None:
    """A flow that begins with it undoes what was set by hand; the example's `ensure_limits` looks first."""
    name = f"test-{uuid4().hex}"
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, limit=1)
        client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(limit=7))
        by_hand = client.read_global_concurrency_limit_by_name(name).limit
        client.upsert_global_concurrency_limit_by_name(name, limit=1)
        afterwards = client.read_global_concurrency_limit_by_name(name).limit
        client.delete_global_concurrency_limit_by_name(name)
    assert (by_hand, afterwards) == (7, 1)


def most_with_limit_of_one(*, ran_before: bool) -> int:
    """How many of two tasks of a tag were at work at once; the tag had been used before its limit was made, or not."""
    tag, gauge = f"tag-{uuid4().hex}", Gauge()
    work = task(name="work", tags=[tag])(gauge.watch(lambda number: number))
    body = flow(name="tagged")(lambda numbers: work.map(numbers).result())
    if ran_before:
        body([0])
    with get_client(sync_client=True) as client:
        client.create_concurrency_limit(tag, 1)
        body([1, 2])
        client.delete_concurrency_limit_by_tag(tag)
    return gauge.most


def test_trap_a_process_remembers_that_a_tag_had_no_limit(prefect_server: PrefectServer) -> None:
    """For seconds after a run without it a new limit is not asked for; made before the first run it holds."""
    assert most_with_limit_of_one(ran_before=False) == 1
    assert 2 in (most_with_limit_of_one(ran_before=True) for _ in range(ATTEMPTS))  # a slow machine may forget meanwhile
