"""Ticks are the server's own, and a run at one of them knows it, whatever the time is now."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prefect import flow, runtime
from prefect.schedules import Cron
from prefect_server import PrefectServer
from schedule_clock import cron_ticks, run_scheduled_at


@flow
def which_day() -> str:
    return runtime.flow_run.scheduled_start_time.astimezone(UTC).isoformat()


@flow
def broken() -> None:
    raise ValueError("no orders")


def test_ticks_follow_the_zone_over_a_clock_change() -> None:
    """Two local mornings, 23 hours apart in spring; in UTC they stay 24 apart."""
    start = datetime(2026, 3, 28, 0, tzinfo=UTC)
    local = cron_ticks(Cron("0 6 * * *", timezone="Europe/Berlin"), start, 2)
    plain = cron_ticks(Cron("0 6 * * *", timezone="UTC"), start, 2)
    assert [(ticks[1] - ticks[0]).total_seconds() / 3600 for ticks in (local, plain)] == [23, 24]


@pytest.mark.slow
def test_a_run_has_the_moment_it_was_scheduled_for(clean_server: PrefectServer) -> None:
    """Not the moment at which the test executes it."""
    assert run_scheduled_at(which_day, datetime(2026, 3, 1, 6, tzinfo=UTC)) == "2026-03-01T06:00:00+00:00"


@pytest.mark.slow
def test_a_failure_of_such_a_run_is_raised(clean_server: PrefectServer) -> None:
    """A broken flow is not a green tick."""
    with pytest.raises(ValueError, match="no orders"):
        run_scheduled_at(broken, datetime(2026, 3, 1, 6, tzinfo=UTC))
