"""Which fields of a cron pass."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from prefect.schedules import Cron
from schedule_clock import cron_ticks

ZONE = ZoneInfo("Europe/Zurich")


def first_ticks(cron: str) -> list[str]:
    ticks = cron_ticks(Cron(cron, timezone=ZONE.key), datetime(2026, 3, 2, tzinfo=ZONE), 2)
    return [f"{tick.astimezone(ZONE):%d %H:%M:%S}" for tick in ticks]


def test_trap_a_question_mark_passes_in_five_fields_only() -> None:
    """There it is a star; the line of a Quartz scheduler, with it as the sixth, is refused, and with a star it is taken."""
    assert first_ticks("0 6 ? * *") == first_ticks("0 6 * * *") == ["02 06:00:00", "03 06:00:00"]
    with pytest.raises(ValueError, match="Invalid cron string"):
        Cron("0 0 6 * * ?")
    assert first_ticks("0 0 6 * * *") == ["06 00:00:00", "06 00:00:01"]


def test_trap_random_fields_are_refused_and_names_are_not() -> None:
    """Jenkins' `H` and `R` raise when the schedule is made; `@daily` is midnight of the zone."""
    for random in ("H 6 * * *", "R 6 * * *"):
        with pytest.raises(ValueError, match=r"Invalid cron string|unsupported"):
            Cron(random)
    assert first_ticks("@daily") == ["02 00:00:00", "03 00:00:00"]
