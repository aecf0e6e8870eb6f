"""A flow runs as plain Python with the results of the engine, or says what it needs a server for."""

from __future__ import annotations

import asyncio

import pytest
from no_server import no_server
from prefect import flow, get_run_logger, task, unmapped
from prefect.variables import Variable
from prefect_server import PrefectServer


@task(retries=3)
def scale(number: int, factor: int = 1, label: str = "") -> int:
    """Logs, so that it needs a run's logger."""
    get_run_logger().info("scaling %s", label)
    return number * factor


@flow
def inner(numbers: list[int]) -> int:
    """A subflow."""
    return sum(numbers)


@flow
def totals(numbers: list[int]) -> int:
    """A call, a submit whose future is passed on, a map with every kind of argument, a subflow."""
    first = scale(numbers[0], factor=2)
    second = scale.submit(first)
    scaled = scale.map(numbers, factor=unmapped(10), label="static")
    return inner(scaled.result()) + scale.submit(second, wait_for=[scaled]).result()


@flow
def total_of_variable() -> int:
    """Needs the API."""
    return scale(2, factor=Variable.get("factor"))


@flow
def total_of_state() -> str:
    """Needs the engine."""
    return scale(2, return_state=True).name


@task
async def fetch(number: int) -> int:
    """An async task."""
    return number + 1


@flow
async def fetch_two() -> int:
    """An async flow."""
    return await fetch(1) + await fetch(2)


def test_the_flow_runs_without_an_api() -> None:
    """Nothing is configured and no server starts."""
    with no_server():
        assert totals([1, 2, 3]) == 62


@pytest.mark.slow
def test_the_engine_gives_the_same(prefect_server: PrefectServer) -> None:
    """The simulation of `submit` and `map` agrees with the engine; afterwards calls go to the engine again."""
    with no_server():
        plain = totals([1, 2, 3])
    assert (totals([1, 2, 3]), totals([1, 2, 3], return_state=True).name) == (plain, "Completed")


def test_async_flow() -> None:
    """Awaiting works as it does in the engine."""
    with no_server():
        assert asyncio.run(fetch_two()) == 5


def test_a_flow_that_needs_the_api_fails() -> None:
    """A variable is not answered with nothing: the missing API is named."""
    with no_server(), pytest.raises(ValueError, match="No Prefect API URL provided"):
        total_of_variable()


def test_a_flow_that_needs_states_fails() -> None:
    """A state is not invented."""
    with no_server(), pytest.raises(TypeError, match="'scale' is asked for its state"):
        total_of_state()


def test_mapped_lengths_that_differ_are_refused() -> None:
    """As in the engine: no silent zip to the shortest."""
    with no_server(), pytest.raises(ValueError, match=r"'scale' is mapped over arguments of lengths \[1, 2\]"):
        scale.map([1, 2], factor=[1])
