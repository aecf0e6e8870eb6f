"""A real server that fails a given number of times counts how often it is asked."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import ModuleType

import dagster as dg
import pytest
from finished_run import FinishedRun
from flaky_api import FlakyApi, running_api
from retry_waits import skip_retry_waits
from run_assets import run_assets

Serve = Callable[..., list[int]]
LIMITS = [1, 3, 7, 15]  # most that each wait can be, in seconds


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Call with the statuses to answer, the last one for ever, 0 to hang up; gives those answered so far."""
    skip_retry_waits(monkeypatch)
    with ExitStack() as servers:

        def start(*statuses: int) -> list[int]:
            api = servers.enter_context(running_api(FlakyApi(statuses, [{"order_id": 1}, {"order_id": 2}])))
            monkeypatch.setenv("SHOP_API_URL", api.url)
            return api.answered

        yield start


@pytest.fixture
def run(example: ModuleType, instance: dg.DagsterInstance) -> Callable[[], FinishedRun]:
    """Call to materialize the orders."""
    return lambda: run_assets([example.orders], instance)


@pytest.mark.parametrize("failure", [429, 502, 503, 504, 0])
def test_a_passing_failure_is_retried(serve: Serve, run: Callable[[], FinishedRun], failure: int) -> None:
    """Two failures and a success are three requests and a green run that says so."""
    answered = serve(failure, failure, 200)
    facts = run().metadata["orders"]
    assert (answered, facts) == ([failure, failure, 200], {"dagster/row_count": 2, "retries": 2})


@pytest.mark.parametrize("failure", [400, 401, 404, 500])
def test_a_lasting_failure_is_asked_once(serve: Serve, run: Callable[[], FinishedRun], failure: int) -> None:
    """A status that will not change costs one request and no wait, though the next answer would be 200."""
    answered = serve(failure, 200)
    result = run()
    assert (result.status, answered, result.waits) == ("FAILURE", [failure], {})


def test_an_answer_that_is_no_json_is_asked_once(serve: Serve, run: Callable[[], FinishedRun]) -> None:
    """What fails in reading the answer would fail again, and is not retried."""
    answered = serve(204, 200)
    assert (run().status, answered) == ("FAILURE", [204])


def test_the_limit_is_five_requests(serve: Serve, run: Callable[[], FinishedRun]) -> None:
    """A server that stays busy is asked once and four times more, each after a random wait; the run fails."""
    answered = serve(503)
    result = run()
    assert (result.status, answered) == ("FAILURE", [503] * 5)
    waited = result.waits["orders"]
    assert len(set(waited)) == 4
    assert [0 < wait <= limit for wait, limit in zip(waited, LIMITS, strict=True)] == [True] * 4


def test_waits_grow_and_are_spread(example: ModuleType) -> None:
    """With a delay of 1, the wait before retry n lies anywhere between 0 and 2^n - 1 seconds."""
    for retry, limit in enumerate(LIMITS, start=1):
        drawn = [example.WAIT.calculate_delay(retry) for _ in range(500)]
        assert (min(drawn) < limit / 10, limit * 0.9 < max(drawn) <= limit) == (True, True)
