"""A real server that fails a given number of times counts how often it is asked."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType

import dagster as dg
import pytest

Serve = Callable[..., list[int]]
LIMITS = [1, 3, 7, 15]  # most that each wait can be, in units of the delay


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Call with the statuses to answer, the last one for ever, 0 to hang up; gives those answered so far."""
    servers: list[HTTPServer] = []

    def start(*statuses: int) -> list[int]:
        answered: list[int] = []

        class Shop(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answered.append(statuses[min(len(answered), len(statuses) - 1)])
                if answered[-1]:
                    self.send_response(answered[-1])
                    self.end_headers()
                    self.wfile.write(b'[{"order_id": 1}, {"order_id": 2}]')

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        servers.append(HTTPServer(("127.0.0.1", 0), Shop))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,)).start()
        monkeypatch.setenv("SHOP_API_URL", f"http://127.0.0.1:{servers[-1].server_port}/orders")
        return answered

    monkeypatch.setenv("SHOP_RETRY_DELAY", "0.001")
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def run(example: ModuleType) -> dg.ExecuteInProcessResult:
    return dg.materialize([example.orders], raise_on_error=False)


def waits(result: dg.ExecuteInProcessResult) -> list[float]:
    """Seconds before each retry, as the run's events record them."""
    events = [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    return [event.step_retry_data.seconds_to_wait for event in events]


@pytest.mark.parametrize("failure", [429, 502, 503, 504, 0])
def test_a_passing_failure_is_retried(serve: Serve, example: ModuleType, failure: int) -> None:
    """Two failures and a success are three requests and a green run that says so."""
    answered = serve(failure, failure, 200)
    result = run(example)
    [materialization] = result.asset_materializations_for_node("orders")
    facts = {name: entry.value for name, entry in materialization.metadata.items()}
    assert (answered, facts) == ([failure, failure, 200], {"dagster/row_count": 2, "retries": 2})


@pytest.mark.parametrize("failure", [400, 401, 404, 500])
def test_a_lasting_failure_is_asked_once(serve: Serve, example: ModuleType, failure: int) -> None:
    """A status that will not change costs one request and no wait, though the next answer would be 200."""
    answered = serve(failure, 200)
    result = run(example)
    assert (result.success, answered, waits(result)) == (False, [failure], [])


def test_an_answer_that_is_no_json_is_asked_once(serve: Serve, example: ModuleType) -> None:
    """What fails in reading the answer would fail again, and is not retried."""
    answered = serve(204, 200)
    assert (run(example).success, answered) == (False, [204])


def test_the_limit_is_five_requests(serve: Serve, example: ModuleType) -> None:
    """A server that stays busy is asked once and four times more, each after a random wait; the run fails."""
    answered = serve(503)
    result = run(example)
    assert (result.success, answered) == (False, [503] * 5)
    waited = waits(result)
    assert len(set(waited)) == 4
    assert [0 < wait <= limit / 1000 for wait, limit in zip(waited, LIMITS, strict=True)] == [True] * 4


def test_waits_grow_and_are_spread(example: ModuleType) -> None:
    """With a delay of 1, the wait before retry n lies anywhere between 0 and 2^n - 1 seconds."""
    for retry, limit in enumerate(LIMITS, start=1):
        drawn = [example.WAIT.calculate_delay(retry) for _ in range(500)]
        assert (min(drawn) < limit / 10, limit * 0.9 < max(drawn) <= limit) == (True, True)
