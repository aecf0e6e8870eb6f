"""A limit that holds and a limit that is only asked for are told apart."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from concurrency_seen import Gauge, most_at_once
from finished_run import run_and_read
from prefect import Flow, flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.task_runners import ThreadPoolTaskRunner
from prefect_server import PrefectServer

pytestmark = pytest.mark.slow


def query(number: int) -> int:
    """What the limit protects."""
    return number


@task
def limited(number: int, limit: str) -> int:
    """Asks for a slot; a limit that nobody created is only a warning."""
    with concurrency(limit, occupy=1):
        return query(number)


@task(tags=["one-connection"])
def tagged(number: int) -> int:
    """Is limited by its tag, if anybody made a limit for it."""
    return query(number)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
def three_queries(limit: str) -> list[int]:
    """Three tasks that would like to run together."""
    return limited.map([1, 2, 3], limit).result()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
def three_tagged() -> list[int]:
    """The same by tag."""
    return tagged.map([1, 2, 3]).result()


def three_queries_by(tag: str) -> Flow[[], list[int]]:
    """Three tasks of one tag that would like to run together."""
    of_tag = tagged.with_options(tags=[tag])

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
    def three() -> list[int]:
        return of_tag.map([1, 2, 3]).result()

    return three


@pytest.fixture
def gauge(clean_server: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> Gauge:
    """Watches `query` on a server without limits."""
    gauge = Gauge()
    module: ModuleType = sys.modules[__name__]
    monkeypatch.setattr(module, "query", gauge.watch(query))
    return gauge


def test_a_limit_that_exists_holds(gauge: Gauge) -> None:
    """One at a time, and all of them."""
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="database", limit=1))
    assert (run_and_read(three_queries, limit="database").state.name, gauge.calls, gauge.most) == ("Completed", 3, 1)


def test_a_limit_that_nobody_created_does_not(gauge: Gauge) -> None:
    """The same flow is as green and several are inside; only a warning says so."""
    gauge.seconds, gauge.until = 60, 2
    run = run_and_read(three_queries, limit="databse")
    assert (run.state.name, gauge.calls, gauge.most > 1) == ("Completed", 3, True)
    assert any("databse" in line and "do not exist" in line for line in run.messages(30))


def test_tag_limit_on_the_times_of_the_server(gauge: Gauge) -> None:
    """With a limit on the tag the task runs follow one another; without it they overlap."""
    with get_client(sync_client=True) as client:
        client.create_concurrency_limit("one-connection", 1)
        assert (most_at_once(run_and_read(three_tagged).task_runs), gauge.most) == (1, 1)
        client.delete_concurrency_limit_by_tag("one-connection")
    gauge.seconds, gauge.until = 60, 2
    free = run_and_read(three_tagged)
    assert (most_at_once(free.task_runs) > 1, gauge.most > 1) == (True, True)


def test_a_tag_limit_made_after_a_run_is_not_seen_by_the_same_process(gauge: Gauge) -> None:
    """A process that found no limit on its tags does not ask again for seconds: make the limit before the first run."""
    three = three_queries_by("late-limit")
    gauge.seconds, gauge.until = 10, 2
    with get_client(sync_client=True) as client:
        three()
        gauge.most = 0
        client.create_concurrency_limit("late-limit", 1)
        three()
    assert gauge.most > 1
