"""What is wrong with a crontab, systemd units or a workflow that cron, systemd-analyze and GitHub's schema let through.

Real: `systemd-analyze verify` (its warnings count, its exit code does not see them) and the workflow schema that
check-jsonschema carries. Own rules: what crontab(5), systemd.timer(5), systemd.service(5) and GitHub's documentation
of the schedule event, of `concurrency` and of `timeout-minutes` say.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema.validators import validator_for
from ruamel.yaml import YAML

CRON_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def crontab_problems(text: str) -> list[str]:
    """Problems of a user's crontab (no user column), each with its line."""
    problems = [] if text.endswith("\n") else ["the last line has no end: cron ignores it, or the whole table"]
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not re.match(r"\s*(#|\w+\s*=)", line):
            problems += [f"line {number}: {problem}" for problem in _crontab_line_problems(line)]
    return problems


def _crontab_line_problems(line: str) -> Iterator[str]:
    *fields, command = line.split(None, 5)
    cron = " ".join(fields)
    yield from _cron_problems(cron)
    if re.match(r"[\d*?]\S*\s", command):
        yield f"'{cron} {command.split()[0]}' has six fields: cron takes the last for the command"
    if re.search(r"(?<!\\)%", command):
        yield "an unescaped % ends the command; what follows is its standard input"
    if len(fields) == 5 and all(field[0] != "*" for field in (fields[2], fields[4])):
        yield f"{cron!r} fires when *either* day field matches"
    if fields[1:2] and re.fullmatch(r"0?[1-3]", fields[1]):
        yield f"{cron!r}: hours 1 to 3 are not what they seem when clocks change; use another"


def _cron_problems(cron: str) -> Iterator[str]:
    fields = cron.split()
    if len(fields) != 5:
        yield f"{cron!r} has {len(fields)} fields, Unix cron has 5"
        return
    for field, (low, high) in zip(fields, CRON_LIMITS, strict=True):
        numbers = [int(number) for number in re.findall(r"\d+", field.split("/")[0])]
        if not re.fullmatch(r"[\dA-Za-z*,/-]+", field) or any(not low <= number <= high for number in numbers):
            yield f"{cron!r}: {field!r} is not within {low}-{high}"


def unit_problems(*units: Path) -> list[str]:
    """Problems of systemd units; needs systemd-analyze, but neither root nor a running systemd."""
    verified = subprocess.run(["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True)
    problems = [line.removeprefix(f"{units[0].parent}/") for line in verified.stderr.splitlines()]
    for unit in units:
        rules = _timer_problems if unit.suffix == ".timer" else _service_problems
        problems += [f"{unit.name}: {problem}" for problem in rules(_settings(unit.read_text()))]
    return problems


def _settings(text: str) -> dict[str, str]:
    """Key and last value, whatever the section; a comment that follows a value is part of the value, as in systemd."""
    return dict(line.split("=", 1) for line in text.splitlines() if re.match(r"\w+=", line))


def _timer_problems(timer: Mapping[str, str]) -> Iterator[str]:
    calendar = timer.get("OnCalendar", "")
    if calendar and not re.search(r"( UTC|[A-Z]\w+/\w+)$", calendar):
        yield f"OnCalendar={calendar} names no time zone: it means the machine's"
    if calendar and timer.get("Persistent") not in ("true", "yes", "on", "1"):
        yield "a tick while the machine is off is lost without Persistent=true"
    if "WantedBy" not in timer:
        yield "has no [Install] WantedBy=timers.target: `systemctl enable` does nothing"


def _service_problems(service: Mapping[str, str]) -> Iterator[str]:
    if service.get("Type") == "oneshot" and "TimeoutStartSec" not in service:
        yield "oneshot without TimeoutStartSec runs for ever, and no later tick starts"
    if service.get("Restart", "no") == "no":
        return
    tries, interval = int(service.get("StartLimitBurst", 5)), _seconds(service.get("StartLimitIntervalSec", "10s"))
    needed = tries * (_seconds(service.get("RestartSec", "100ms")) + _seconds(service.get("TimeoutStartSec", "0")))
    if interval < needed:
        yield f"StartLimitIntervalSec is {interval:g} s, {tries} tries take up to {needed:g} s: it restarts for ever"


def _seconds(span: str) -> float:
    """`2h 15min` in seconds; a number alone is seconds."""
    return sum(float(number) * SECONDS[unit or "s"] for number, unit in re.findall(r"([\d.]+)\s*([a-z]*)", span))


def workflow_problems(text: str) -> list[str]:
    """Problems of a workflow that runs on a schedule."""
    workflow = YAML(typ="safe", pure=True).load(text)  # YAML 1.2: `on` is a word
    schema = get_builtin_schema("vendor.github-workflows")
    problems = [f"{error.json_path}: {error.message}" for error in validator_for(schema)(schema).iter_errors(workflow)]
    return problems or list(_schedule_problems(workflow)) + [
        f"{name}: {problem}" for name, job in workflow["jobs"].items() for problem in _job_problems(job)
    ]


def _schedule_problems(workflow: Mapping[str, Any]) -> Iterator[str]:
    for entry in workflow["on"].get("schedule", ()):
        cron, zone = entry["cron"], entry.get("timezone", "UTC")
        yield from _cron_problems(cron)
        if cron.split()[0] in ("0", "*"):
            yield f"{cron!r} fires on the hour, when GitHub is late or drops runs"
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            yield f"timezone {zone!r} is not in the IANA database"
    if "workflow_dispatch" not in workflow["on"]:
        yield "a run that was dropped cannot be started by hand: add workflow_dispatch"
    yield from (f"has no {key}" for key in ("permissions", "concurrency") if key not in workflow)


def _job_problems(job: Mapping[str, Any]) -> Iterator[str]:
    if "timeout-minutes" not in job:
        yield "has no timeout-minutes: a hanging run is cut after 360"
    if "failure()" in str(job.get("if", "")):
        yield "failure() is false after a timeout, which is a cancel; use always() && needs.JOB.result != 'success'"
    for step in job.get("steps", ()):
        if re.search(r"\$\{\{\s*(inputs|github\.event)\.", step.get("run", "")):
            yield f"{step['run']!r} puts an input into shell code; hand it over in env"
