"""Quartz cron expressions that Databricks takes pass; those of other schedulers and other mistakes do not."""

from __future__ import annotations

import pytest
from quartz_cron import cron_problems, expression_problems


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 6 * * ?",
        "0 0/15 8-18 ? * MON-FRI",
        "0 0 6 1,15 * ? 2026",
        "0 30 5 L * ?",
        "0 30 5 LW * ?",
        "0 30 5 L-3 * ?",
        "0 30 5 15W jan-mar ?",
        "0 0 12 ? * 6L",
        "0 0 12 ? * fri#2",
        "*/10 * * ? * *",
    ],
)
def test_a_quartz_expression_passes(expression: str) -> None:
    """Names in any case, steps, ranges, lists, last days, nearest weekdays, the n-th weekday and years."""
    assert list(expression_problems(expression)) == []


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("0 6 * * *", "'0 6 * * *' has 5 fields; Quartz has 6 or 7, the first is seconds"),
        ("@daily", "'@daily' has 1 fields; Quartz has 6 or 7, the first is seconds"),
        ("0 0 6 * * *", "'0 0 6 * * *': put ? in exactly one of day of month and day of week"),
        ("0 0 6 ? * ?", "'0 0 6 ? * ?': put ? in exactly one of day of month and day of week"),
        ("0 0 24 * * ?", "'0 0 24 * * ?': hour '24' is not in 0-23"),
        ("0 0 6 ? * 0", "'0 0 6 ? * 0': day of week '0' is not in 1-7 or SUN-SAT"),
        ("0 0 6 1 MAY-13 ?", "'0 0 6 1 MAY-13 ?': month 'MAY-13' is not in 1-12 or JAN-DEC"),
        ("0 0/0 6 * * ?", "'0 0/0 6 * * ?': minute '0/0' has a step outside 1-59"),
        ("0 0 6,? * * ?", "'0 0 6,? * * ?': hour '?' is no number, range or step"),
    ],
)
def test_what_quartz_refuses_is_named(expression: str, problem: str) -> None:
    """The message shows the expression, the field and its limits."""
    assert list(expression_problems(expression)) == [problem]


def test_a_schedule_needs_a_known_time_zone() -> None:
    """`EST5` style offsets and misspelt cities are told from IANA names; no schedule is no problem."""
    schedule = {"quartz_cron_expression": "0 0 6 * * ?"}
    assert cron_problems(schedule | {"timezone_id": "America/New_York"}) == []
    assert cron_problems(schedule | {"timezone_id": "New York"}) == [
        "timezone_id 'New York' is no time zone of the IANA database"
    ]
    assert cron_problems(None) == []
