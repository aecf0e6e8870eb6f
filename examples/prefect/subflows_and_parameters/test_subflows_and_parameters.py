"""What becomes of parameters, subflows and timeouts, and what is not refused."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import date
from types import ModuleType
from typing import Any

import pytest
from finished_run import run_and_read
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect_server import PrefectServer
from pydantic import BaseModel


def test_every_shop_has_its_run(example: ModuleType) -> None:
    """Two subflow runs under the parent, found by its id, though tasks called them."""
    run = run_and_read(example.load_day)
    wanted = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run.id]))
    with get_client(sync_client=True) as client:
        subflows = client.read_flow_runs(flow_run_filter=wanted)
    assert (run.result, sorted(subflow.name for subflow in subflows)) == (5, ["load basel", "load bern"])


@pytest.mark.parametrize(
    ("load", "final"),
    [({"day": "2026-03-04"}, "Completed"), ({"dya": "2026-03-04"}, "Failed"), ({"at_most": True}, "Failed"),
     ({"at_most": "5"}, "Failed"), ({"at_most": 0}, "Failed")],
)  # fmt: skip
def test_a_closed_model_refuses(example: ModuleType, load: dict[str, Any], final: str) -> None:
    """A misspelt name, True for a number, a text for a strict number, and zero never run."""
    assert run_and_read(example.load_day, load=load).state.name == final


class Open(BaseModel):
    day: date = date(2026, 3, 1)


def whole(number: int) -> int:
    return number


def real(number: float) -> float:
    return number


def either(number: int | str) -> int | str:
    return number


def day(day: date) -> date:
    return day


def model(load: Open) -> date:
    return load.day


def unannotated(number):
    return number


@pytest.mark.parametrize(
    ("body", "given", "taken"),
    [
        (whole, "4", "4"), (whole, 4.0, "4"), (whole, True, "1"), (real, "nan", "nan"), (either, "4", "'4'"),
        (day, 1772323200, "datetime.date(2026, 3, 1)"), (model, {"dya": "2026-03-04"}, "datetime.date(2026, 3, 1)"),
        (unannotated, "4", "'4'"),
        (whole, 4.5, None), (day, "20260301", None), (day, "2026-03-01T10:00:00", None), (unannotated, None, "None"),
    ],
)  # fmt: skip
def test_conversion(prefect_server: PrefectServer, body: Callable[[Any], Any], given: object, taken: str | None) -> None:
    """Silent for every row with a value: True is 1, a misspelt model key is the default, "4" stays text."""
    state = flow(name="converted")(body)(given, return_state=True)
    assert (repr(state.result()) if state.is_completed() else None) == taken


def test_parameters_of_a_subflow_are_converted_those_of_a_task_are_not(prefect_server: PrefectServer) -> None:
    """Silent: annotations of a task are documentation. Right: the flow converts, or the task calls pydantic."""
    as_task, as_flow = task(name="as-task")(whole), flow(name="as-flow")(whole)
    assert flow(name="both")(lambda: (as_task("4"), as_flow("4")))() == ("4", 4)


def test_timeouts(prefect_server: PrefectServer) -> None:
    """A subflow that is called stops in time and its state says TimedOut; the caller goes on."""
    slow = flow(name="slow", timeout_seconds=0.5)(lambda: time.sleep(30))
    assert flow(name="caller")(lambda: slow(return_state=True).name)() == "TimedOut"


def test_async_and_sync(prefect_server: PrefectServer) -> None:
    """Gathered async subflows are inside at the same time; silent: a sync subflow stops everything else on the loop."""

    @flow
    async def parent() -> tuple[list[int], bool]:
        both_inside, went_on = asyncio.Barrier(2), threading.Event()

        @flow
        async def part(number: int) -> int:
            async with asyncio.timeout(60):
                await both_inside.wait()
            return number

        @flow
        def plain() -> bool:
            return went_on.wait(timeout=1)

        async def go_on() -> None:
            went_on.set()

        parts = await asyncio.gather(part(1), part(2))
        other = asyncio.create_task(go_on())
        others_went_on = plain()
        await other
        return parts, others_went_on

    assert asyncio.run(parent()) == ([1, 2], False)
