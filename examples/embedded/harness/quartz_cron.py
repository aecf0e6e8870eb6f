"""What is wrong with the Quartz cron expression of a schedule: six or seven fields, seconds first.

The rules are those of Quartz's CronExpression. Unlike Unix cron, `?` must stand in exactly one of the two day
fields and days of the week count from 1 = SUN; so `0 6 * * *` is refused and `* * 2` means Monday.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIELDS = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of week", 1, 7, WEEKDAYS),
    ("year", 1970, 2099, ()),
)
SPECIAL = {
    "day of month": re.compile(r"\?|L(-\d{1,2})?W?|\d{1,2}W"),
    "day of week": re.compile(r"\?|L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5])"),
}
ITEM = re.compile(r"(?P<start>\*|\w+)(?:-(?P<end>\w+))?(?:/(?P<step>\d+))?")


def cron_problems(schedule: Mapping[str, Any] | None) -> list[str]:
    """Problems of a job's `schedule`: its expression and its time zone. No schedule has none."""
    if not schedule:
        return []
    expression, zone = schedule.get("quartz_cron_expression", ""), schedule.get("timezone_id", "")
    problems = [] if "${" in expression else list(expression_problems(expression))
    try:
        ZoneInfo("UTC" if "${" in zone else zone)
    except (ZoneInfoNotFoundError, ValueError):
        problems.append(f"timezone_id {zone!r} is no time zone of the IANA database")
    return problems


def expression_problems(expression: str) -> Iterator[str]:
    """Problems of one expression."""
    parts = expression.upper().split()
    if len(parts) not in (6, 7):
        yield f"{expression!r} has {len(parts)} fields; Quartz has 6 or 7, the first is seconds"
        return
    if (parts[3] == "?") == (parts[5] == "?"):
        yield f"{expression!r}: put ? in exactly one of day of month and day of week"
    for part, (name, low, high, names) in zip(parts, FIELDS, strict=False):
        special = SPECIAL.get(name)
        if special and special.fullmatch(part):
            continue
        for item in part.split(","):
            problem = _item_problem(item, low, high, names)
            if problem:
                yield f"{expression!r}: {name} {item!r} {problem}"


def _item_problem(item: str, low: int, high: int, names: tuple[str, ...]) -> str | None:
    match = ITEM.fullmatch(item)
    if not match:
        return "is no number, range or step"
    for bound in (match["start"], match["end"]):
        if bound in (None, "*"):
            continue
        value = names.index(bound) + 1 if bound in names else bound
        if not str(value).isdigit() or not low <= int(value) <= high:
            return f"is not in {low}-{high}" + (f" or {names[0]}-{names[-1]}" if names else "")
    if match["step"] is not None and not 1 <= int(match["step"]) <= high:
        return f"has a step outside 1-{high}"
    return None
