"""Which annotations a flow holds its parameters against, and what a subflow's time-out is."""

from __future__ import annotations

import time
from datetime import date

import pytest
from prefect import flow
from prefect_server import PrefectServer


def closed(day: date = None) -> date | None:  # type: ignore[assignment]  # noqa: RUF013
    return day


def optional(day: date | None = None) -> date | None:
    return day


def test_trap_a_default_of_none_is_not_an_optional_parameter(prefect_server: PrefectServer) -> None:
    """Defaults are checked too: without `| None` every run that leaves it out is Failed."""

    def states(body: object) -> list[str]:
        subject = flow(name="day")(body)
        return [subject(return_state=True).name, subject(None, return_state=True).name]

    assert (states(closed), states(optional)) == (["Failed", "Failed"], ["Completed", "Completed"])


def test_trap_a_subflows_timeout_is_of_type_failed(prefect_server: PrefectServer) -> None:
    """Who asks for the name Failed misses it; `is_failed()` does not."""
    slow = flow(name="slow", timeout_seconds=0.5)(lambda: time.sleep(30))
    seen = flow(name="caller")(lambda: (lambda state: (state.name, state.is_failed()))(slow(return_state=True)))()
    assert seen == ("TimedOut", True)


def test_trap_flows_have_no_map(prefect_server: PrefectServer) -> None:
    """Neither `submit` nor `map`: a task around the subflow has both."""
    with pytest.raises(AttributeError, match="no attribute 'map'"):
        flow(optional).map([None])
    assert not hasattr(flow(optional), "submit")
