"""A pause is answered, timed out or refused, and the flow goes on with what it was given."""

from __future__ import annotations

import pytest
from paused_flow import waiting_flow
from prefect import flow, pause_flow_run
from prefect.input import RunInput
from prefect.settings import PREFECT_API_URL
from prefect_server import PrefectServer

pytestmark = pytest.mark.slow


class Approval(RunInput):
    """What the flow asks for."""

    approved: bool
    rows: int = 0


@flow
def publish(timeout: int = 60) -> str:
    """Asks before it publishes."""
    approval = pause_flow_run(wait_for_input=Approval, timeout=timeout, poll_interval=1)
    return f"published {approval.rows}" if approval.approved else "kept back"


@flow
def publish_unasked() -> str:
    """Never asks."""
    return "published"


@pytest.fixture(autouse=True)
def _server(prefect_server: PrefectServer) -> None:
    """Every test here needs the server."""


@pytest.mark.parametrize(("approved", "result"), [(True, "published 3"), (False, "kept back")])
def test_the_answer_decides(approved: bool, result: str) -> None:
    """The input reaches the flow as the model it asked for."""
    with waiting_flow(publish) as run:
        run.wait_until_paused()
        run.answer(approved=approved, rows=3)
    assert (run.outcome.name, run.outcome.result()) == ("Completed", result)


def test_an_answer_of_the_wrong_shape_is_refused_and_the_run_waits_on() -> None:
    """The server holds the input against the model's schema."""
    with waiting_flow(publish) as run:
        run.wait_until_paused()
        with pytest.raises(ValueError, match="approved"):
            run.answer(approved="perhaps", rows=3)
        run.answer(approved=True)
    assert run.outcome.result() == "published 0"


def test_the_thread_asks_the_same_server(prefect_server: PrefectServer) -> None:
    """A thread that began without the test's settings would start a temporary server, with another history."""

    @flow
    def asked_server() -> str | None:
        return PREFECT_API_URL.value()

    with waiting_flow(asked_server) as run:
        pass
    assert run.outcome.result() == prefect_server.api_url


def test_nobody_answers() -> None:
    """After its time-out the run fails: silence is not consent."""
    with waiting_flow(publish, timeout=1) as run:
        run.wait_until_paused()
    assert run.outcome.name == "Failed"


def test_a_flow_that_never_pauses_is_named() -> None:
    """The wait ends with the state that the run has."""
    with pytest.raises(TimeoutError, match="never paused: it is Completed"), waiting_flow(publish_unasked) as run:
        run.wait_until_paused()
