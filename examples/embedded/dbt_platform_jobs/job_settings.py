"""What is wrong with a jobs file of dbt-jobs-as-code that neither its schema nor the dbt platform refuses.

The keys are those of its job schema, which leaves other keys alone: a misspelt one is dropped without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

Settings = dict[str, Any]

REQUIRED = {
    *("account_id", "project_id", "environment_id", "name", "settings", "execute_steps", "triggers"),
    *("generate_docs", "run_generate_sources"),
}
KNOWN = REQUIRED | {
    *("id", "linked_id", "identifier", "dbt_version", "description", "state", "job_type", "execution", "schedule"),
    *("deferring_environment_id", "deferring_job_definition_id", "self_deferring"),
    *("run_lint", "errors_on_lint_failure", "run_compare_changes", "compare_changes_flags", "triggers_on_draft_pr"),
    *("job_completion_trigger_condition", "custom_environment_variables", "cost_optimization_features"),
}
KNOWN_INSIDE = {
    "settings": {"threads", "target_name"},
    "execution": {"timeout_seconds"},
    "schedule": {"cron", "date", "time"},
    "triggers": {"github_webhook", "git_provider_webhook", "schedule", "on_merge"},
}
CRON_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def job_problems(text: str) -> list[str]:
    """One line for each problem of a jobs file, given as text; an empty list says it may be deployed."""
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:  # a job given twice is one of these
        return [" ".join(str(error).split())]
    jobs = content.get("jobs") if isinstance(content, dict) else None
    if not isinstance(jobs, dict) or not jobs:
        return ["no jobs: the file begins with `jobs:` and has a key for each job"]
    return [f"{key}: {problem}" for key, job in jobs.items() for problem in _problems(job)]


def _problems(job: Settings) -> Iterator[str]:
    if missing := sorted(REQUIRED - job.keys()):
        yield f"lacks {', '.join(missing)}"
        return
    yield from _unknown_keys(job)
    yield from _trigger_problems(job, job["triggers"])
    if not (job.get("execution") or {}).get("timeout_seconds"):
        yield "execution.timeout_seconds is 0, which is no limit: a hanging run blocks the job's next one"
    yield from (f"step {step!r} is no dbt command" for step in job["execute_steps"] if not step.startswith("dbt "))
    if "state:modified" in " ".join(job["execute_steps"]) and not job.get("deferring_environment_id"):
        yield "selects state:modified and names no deferring_environment_id to compare with"
    chained = job.get("job_completion_trigger_condition")
    if chained and not chained.get("condition", {}).get("statuses"):
        yield "job_completion_trigger_condition names no statuses: it also starts after a failure; add `statuses: [10]`"


def _unknown_keys(job: Settings) -> Iterator[str]:
    known = {"": KNOWN, **KNOWN_INSIDE}
    for place, names in known.items():
        given = job if place == "" else job.get(place) or {}
        for name in sorted(given.keys() - names):
            yield f"{place and place + '.'}{name} is no setting, so it would be dropped"


def _trigger_problems(job: Settings, triggers: Settings) -> Iterator[str]:
    kind, cron = job.get("job_type", "scheduled"), str((job.get("schedule") or {}).get("cron", ""))
    on = {name for name, value in triggers.items() if value}
    if kind == "scheduled" and "schedule" not in on:
        yield "has triggers.schedule false: its cron never starts it; set it, or `job_type: other`"
    if "schedule" in on and not _is_cron(cron):
        yield f"cron {cron!r} is not five fields in range"
    if kind == "ci" and not on & {"github_webhook", "git_provider_webhook"}:
        yield "is a CI job that no pull request starts: set github_webhook or git_provider_webhook"
    if "on_merge" in on and len(on) > 1:
        yield f"on_merge goes with no other trigger, here {', '.join(sorted(on - {'on_merge'}))}"


def _is_cron(cron: str) -> bool:
    """Five fields in range; six, with seconds, pass the check of dbt-jobs-as-code."""
    fields = cron.split()
    return len(fields) == len(CRON_LIMITS) and all(
        re.fullmatch(r"[\dA-Za-z*,/-]+", field)
        and all(low <= int(number) <= high for number in re.findall(r"\d+", field.split("/")[0]))
        for field, (low, high) in zip(fields, CRON_LIMITS, strict=True)
    )
