"""A flow that waits for somebody, in a thread of the test, and the answer that the test gives it.

Real: the pause on the server, its time-out, the input's validation, the engine. Simulated: the person.
A flow that suspends itself ends its process; `finished_run.execute_and_read` executes it up to there, and again after
`answer`, with the run read anew.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.flow_runs import resume_flow_run
from private_names import execute_run

WAIT_SECONDS = 60


@dataclass
class WaitingFlow:
    """A flow run under way; `outcome` is its final state once the block has ended."""

    id: UUID
    outcome: Any = None

    def wait_until_paused(self) -> None:
        """Return once the server shows the run Paused or Suspended; raises TimeoutError with its state."""
        deadline = time.monotonic() + WAIT_SECONDS
        with get_client(sync_client=True) as client:
            while (name := client.read_flow_run(self.id).state_name) not in ("Paused", "Suspended"):
                if time.monotonic() > deadline or self.outcome is not None:
                    raise TimeoutError(f"the run never paused: it is {name}")
                time.sleep(0.05)

    def answer(self, **given: Any) -> None:
        """Resume the run with this input; raises ValueError when the server refuses it."""
        answer(self.id, **given)


def answer(flow_run_id: UUID, **given: Any) -> FlowRun:
    """Resume a paused or suspended run with this input, and read it again; raises ValueError when the server refuses it."""
    try:
        resume_flow_run(flow_run_id, run_input=given or None)
    except Exception as refused:
        detail = getattr(getattr(refused, "response", None), "text", "") or str(refused)
        raise ValueError(f"the server refuses {given}: {detail[:500]}") from refused
    with get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run_id)


@contextmanager
def waiting_flow(flow: Flow[..., Any], **parameters: Any) -> Iterator[WaitingFlow]:
    """Start a synchronous flow in a thread; the end of the block waits for its end.

    Raises TimeoutError when it has not ended WAIT_SECONDS after the block: is it still paused?
    """
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(flow, parameters=flow.serialize_parameters(parameters))
    waiting = WaitingFlow(run.id)

    def execute() -> None:
        waiting.outcome = execute_run(flow, run, parameters)

    # a thread begins without the settings of its maker, and would start a temporary server of its own
    thread = threading.Thread(target=contextvars.copy_context().run, args=(execute,), daemon=True)
    thread.start()
    yield waiting
    thread.join(WAIT_SECONDS)
    if thread.is_alive():
        raise TimeoutError(f"run {run.name} has not ended {WAIT_SECONDS} s after its answer; is it still paused?")
