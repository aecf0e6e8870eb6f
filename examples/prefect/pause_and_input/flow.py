"""A large refund waits for a person: in the running process for minutes, or without a process for days.

What: `refund` pauses, `refund_later` suspends; both go on with a typed answer; what was done before is not done twice.
When: a person decides. Not when a program does: call it, or start the second half from an event.
Run: uv run python flow.py
Expect: "refunded 1800"; a refund above LIMIT_CENTS would ask first.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow, pause_flow_run, suspend_flow_run, task
from prefect.cache_policies import RUN_ID, TASK_SOURCE
from prefect.input import RunInput
from pydantic import Field, field_validator

LIMIT_CENTS = 10_000
JOURNAL = Path("journal.txt")


class Decision(RunInput):
    """The answer. The server checks types and bounds; `reviewer` is checked in the run, after the answer was taken."""

    approved: bool
    cents: int = Field(ge=0, le=50_000)
    reviewer: str = "nobody"

    @field_validator("reviewer")
    @classmethod
    def is_a_name(cls, value: str) -> str:
        """A rule that no JSON schema holds."""
        if not value.strip():
            raise ValueError("a decision has a name under it")
        return value


def note(line: str) -> None:
    """Add to the journal, which shows what was really done, and how often."""
    with JOURNAL.open("a") as journal:
        journal.write(f"{line}\n")


@task
def look_up(order_id: int) -> int:
    """Done again whenever a suspended run is resumed: its result is not kept."""
    note(f"looked up {order_id}")
    return order_id


@task(persist_result=True, cache_policy=TASK_SOURCE + RUN_ID)
def reserve(order_id: int) -> str:
    """Done once in a run, also when the run is resumed in another process that reads the same result storage."""
    note(f"reserved {order_id}")
    return f"reservation of {order_id}"


@task(persist_result=True, cache_policy=TASK_SOURCE + RUN_ID)
def pay(cents: int) -> str:
    """The money leaves once."""
    note(f"paid {cents}")
    return f"refunded {cents}"


@flow
def refund(order_id: int = 1, cents: int = 1800, timeout: int = 900) -> str:
    """Above LIMIT_CENTS the process waits up to `timeout` seconds; with no answer the run is Failed."""
    reserve(look_up(order_id))
    if cents > LIMIT_CENTS:
        answer = pause_flow_run(wait_for_input=Decision, timeout=timeout, poll_interval=1)
        cents = answer.cents if answer.approved else 0
    return pay(cents)


@flow
def refund_later(order_id: int = 1, cents: int = 1800, timeout: int = 86_400) -> str:
    """Above LIMIT_CENTS the run ends here and begins again from the top when it is resumed. Needs a deployment."""
    reserve(look_up(order_id))
    if cents > LIMIT_CENTS:
        answer = suspend_flow_run(wait_for_input=Decision, timeout=timeout, key="decision")
        cents = answer.cents if answer.approved else 0
    return pay(cents)


if __name__ == "__main__":
    refund()
