"""A refund waits, goes on with what was answered, and does nothing twice; wrong answers and silence end as they must."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import pytest
from finished_run import execute_and_read, read_run, run_and_read
from paused_flow import answer, waiting_flow
from prefect import Flow, flow, pause_flow_run
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import FlowPauseTimeout
from prefect_server import PrefectServer
from worker_process import start_run

pytestmark = pytest.mark.slow


def journal() -> list[str]:
    return Path("journal.txt").read_text().splitlines()


def suspended(example: ModuleType, **parameters: object) -> FlowRun:
    """A deployed run that was executed up to its question."""
    run = start_run(example.refund_later.to_deployment("asks").apply(), order_id=1, cents=20_000, **parameters)
    assert execute_and_read(example.refund_later, run).state.name == "Suspended"
    return run


@pytest.mark.parametrize(("approved", "paid"), [(True, 150), (False, 0)])
def test_the_answer_decides_what_is_paid(example: ModuleType, approved: bool, paid: int) -> None:
    """The process goes on where it waited: every line of the journal once."""
    with waiting_flow(example.refund, cents=20_000) as run:
        run.wait_until_paused()
        run.answer(approved=approved, cents=150)
    assert run.outcome.result() == f"refunded {paid}"
    assert journal() == ["looked up 1", "reserved 1", f"paid {paid}"]


def test_a_small_refund_asks_nobody(example: ModuleType) -> None:
    """The default runs to its end."""
    assert run_and_read(example.refund).result == "refunded 1800"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"cents": 5}, "'approved' is a required property"),
        ({"approved": True, "cents": 50_001}, "greater than the maximum of 50000"),
        ({"approved": True, "cents": "5"}, "'5' is not of type 'integer'"),
        ({"approved": True, "cents": 5, "reviwer": "Ada"}, "Additional properties are not allowed"),
    ],
)
def test_the_server_refuses_what_the_schema_refuses(example: ModuleType, given: dict[str, object], reason: str) -> None:
    """Before anything goes on, and the run waits for a better answer; a digit in quotes is not an integer here."""
    run = suspended(example)
    with pytest.raises(ValueError, match=reason):
        answer(run.id, **given)
    assert read_run(run.id).state.name == "Suspended"


def test_a_rule_in_python_fails_the_run_after_the_answer_was_taken(example: ModuleType) -> None:
    """The silent case: the server says yes, the one who answered sees no error, and the run can be answered no more."""
    run = answer(suspended(example).id, approved=True, cents=5, reviewer=" ")
    failed = execute_and_read(example.refund_later, run)
    assert (failed.state.name, "a decision has a name under it" in failed.state.message) == ("Failed", True)
    with pytest.raises(ValueError, match="isn't paused"):
        answer(run.id, approved=True, cents=5, reviewer="Ada")


def test_initial_data_takes_the_bounds_off_a_field(example: ModuleType) -> None:
    """The silent case: 99 999 passes where 50 000 is the most, and a misspelt name is a new field; a subclass keeps them."""
    offered = example.Decision.with_initial_data(cents=150, revewer="Ada")
    assert (offered(approved=True, cents=99_999).cents, "revewer" in offered.model_fields) == (99_999, True)

    class Offered(example.Decision):
        cents: int = example.Field(default=150, ge=0, le=50_000)

    with pytest.raises(ValueError, match="less than or equal to 50000"):
        Offered(approved=True, cents=99_999)


def test_a_resumed_run_begins_again_and_repeats_what_it_did_not_keep(example: ModuleType) -> None:
    """The look-up is done twice, the kept reservation once, the payment once."""
    run = answer(suspended(example).id, approved=True, cents=150)
    done = execute_and_read(example.refund_later, run)
    assert (done.result, done.task_states["reserve"]) == ("refunded 150", ["Completed", "Cached"])
    assert journal() == ["looked up 1", "reserved 1", "looked up 1", "paid 150"]


def test_two_suspended_runs_share_nothing(example: ModuleType) -> None:
    """The cache key holds the run: the second reserves for itself."""
    suspended(example)
    suspended(example)
    assert journal().count("reserved 1") == 2


def test_only_a_deployed_run_can_be_suspended(example: ModuleType) -> None:
    """Nobody could start it again."""
    run = run_and_read(example.refund_later, cents=20_000)
    assert (run.state.name, "Cannot suspend flows without a deployment" in run.state.message) == ("Failed", True)


def test_silence_that_the_flow_catches_ends_as_the_clock_wants(prefect_server: PrefectServer) -> None:
    """The silent case: who returns at once is Failed; who works on past the server's own look is Completed, unanswered."""
    worked = []

    @flow
    def goes_on(for_long: bool) -> str:
        try:
            pause_flow_run(timeout=1, poll_interval=1)
        except FlowPauseTimeout:
            worked.append("without an answer")
            if for_long:
                wait_for_state(FlowRunContext.get().flow_run, "Failed")
        return "done"

    assert run_and_read(goes_on, for_long=True).state.name == "Completed"
    at_once = (run_and_read(goes_on, for_long=False).state.name for _ in range(5))  # the look, every 5 s, may come first
    assert "Failed" in at_once
    assert set(worked) == {"without an answer"}


def test_a_suspended_run_without_an_answer_is_failed_by_the_server(example: ModuleType) -> None:
    """No process is there to do it; an answer after the time-out is refused."""
    run = suspended(example, timeout=1)
    wait_for_state(run, "Failed")
    with pytest.raises(ValueError, match="isn't paused"):
        answer(run.id, approved=True, cents=5)


def wait_for_state(run: FlowRun, name: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    with get_client(sync_client=True) as client:
        while (found := client.read_flow_run(run.id).state_name) != name:
            assert time.monotonic() < deadline, f"{run.name} is {found}, not {name}"
            time.sleep(0.1)


def test_the_branch_that_asks_must_be_the_same_again(prefect_server: PrefectServer) -> None:
    """The silent case: without `key` questions are counted, so a run that skips the first reads its answer for the second."""
    asked: list[str] = []

    def question(name: str, **key: str) -> int:
        asked.append(name)
        return suspend_here(name, **key)

    def suspend_here(name: str, **key: str) -> int:
        from prefect import suspend_flow_run

        return suspend_flow_run(wait_for_input=int, timeout=600, **key)

    @flow
    def two_questions(keyed: bool) -> int:
        if "rows" not in asked:
            return question("rows", **({"key": "rows"} if keyed else {}))
        return question("price", **({"key": "price"} if keyed else {}))

    assert [after_one_answer(two_questions, asked, keyed) for keyed in (False, True)] == ["Completed", "Suspended"]


def after_one_answer(flow: Flow, asked: list[str], keyed: bool) -> str:
    """The state of a run that was answered once, and asks something else when it begins again."""
    asked.clear()
    run = start_run(flow.to_deployment("two").apply(), keyed=keyed)
    execute_and_read(flow, run)
    return execute_and_read(flow, answer(run.id, value=3)).state.name
