"""An order is placed at once; its receipt is sent by a task worker, another process, and may be sent again when that is lost.

What: `send_receipt.delay(...)` stores a task run; `serve(send_receipt)` executes it; `queue_again` mends what was dropped.
When: a web request or a flow must not wait. Not for what must run exactly once, and not without a shared result storage.
Run: uv run python flow.py serve   (and in another terminal: uv run python flow.py)
Expect: order 1 is placed; receipts.txt of the serving process has a line for it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

from prefect import Task, flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterName
from prefect.client.schemas.objects import TaskRun
from prefect.states import Scheduled
from prefect.task_worker import serve

RECEIPTS = Path("receipts.txt")


@task(retries=2, retry_delay_seconds=1)
def send_receipt(order_id: int) -> str:
    """Send once for each order, however often it is called: a task run that was queued again may have run already."""
    line = f"receipt of order {order_id}"
    sent = RECEIPTS.read_text().splitlines() if RECEIPTS.exists() else []
    if line not in sent:
        with RECEIPTS.open("a") as file:
            file.write(f"{line}\n")
    return line


@flow
def place_order(order_id: int = 1) -> UUID:
    """The id of the receipt's task run: keep it with the order, it is all that finds a lost one."""
    return send_receipt.delay(order_id).task_run_id


def waiting_runs(of: Task) -> list[TaskRun]:
    """Runs of this task, as it is coded now, that no worker has begun; those of another code version have another key."""
    named = TaskRunFilter(name=TaskRunFilterName(like_=of.name))
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(task_run_filter=named, limit=200)
    return [run for run in runs if run.task_key == of.task_key and run.state_name == "Scheduled"]


def queue_again(run: TaskRun) -> None:
    """Give a Scheduled run to a worker once more: a killed worker takes along the one that it had received and not begun."""
    state = Scheduled()
    state.state_details.deferred = True
    state.state_details.task_parameters_id = run.state.state_details.task_parameters_id
    with get_client(sync_client=True) as client:
        client.set_task_run_state(run.id, state, force=True)


if __name__ == "__main__":
    if "serve" in sys.argv:
        serve(send_receipt, limit=4)
    else:
        place_order()
