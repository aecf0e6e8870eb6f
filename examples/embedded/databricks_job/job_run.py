"""Which tasks of a Databricks job run, and how the run ends: a simulation by the documented rules, without a workspace.

Simulated: depends_on with outcomes, run_if, condition tasks, for_each, excluded tasks, the run's result, repair. The rules
are those of docs.databricks.com ("Configure task dependencies", "If/else", "For each") and of the docstrings of
databricks-sdk's RunIf, ConditionTask, RunResultState and repair_run. Left out: retries, time limits, cancelling, queues.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

FAILED, EXCLUDED, UPSTREAM_FAILED, SUCCESS = "FAILED", "EXCLUDED", "UPSTREAM_FAILED", "SUCCESS"
BAD = {FAILED, UPSTREAM_FAILED}
NUMERIC = {
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}
REFERENCE = re.compile(r"\{\{\s*tasks\.([\w-]+)\.values\.([\w-]+)\s*\}\}")

Values = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class JobRun:
    """Task states by key (an iteration is `task[input]`), outcomes of conditions, the run's result, and what was started."""

    states: Mapping[str, str]
    outcomes: Mapping[str, bool]
    result: str
    started: tuple[str, ...]


def run_job(job: Mapping[str, Any], values: Values, failing: Collection[str] = ()) -> JobRun:
    """A run in which the tasks (or iterations) in `failing` fail and the others set `values`, by task and key."""
    return _run(job, values, failing, {}, {})


def repair(job: Mapping[str, Any], run: JobRun, values: Values, *, dependents: bool, failing: Collection[str] = ()) -> JobRun:
    """Repair all failed tasks; with `dependents` (`rerun_dependent_tasks`) also what succeeded behind them."""
    again = {key for key, state in run.states.items() if state in BAD}
    for task in job["tasks"] if dependents else ():
        if again & {dependency["task_key"] for dependency in task.get("depends_on", ())}:
            again.add(task["task_key"])
    kept = {key: state for key, state in run.states.items() if key not in again}
    return _run(job, values, failing, kept, run.outcomes)


def _run(
    job: Mapping[str, Any], values: Values, failing: Collection[str], kept: Mapping[str, str], known: Mapping[str, bool]
) -> JobRun:
    states, outcomes, started = dict(kept), dict(known), []
    for task in _ordered(job["tasks"]):
        key = task["task_key"]
        if key in states:
            continue
        states[key] = _state_before(task, states, outcomes)
        if states[key] != SUCCESS:
            continue
        started.append(key)
        if "condition_task" in task:
            outcomes[key] = _holds(task["condition_task"], values)
        elif "for_each_task" in task:
            inner = task["for_each_task"]["task"]["task_key"]
            iterations = [f"{inner}[{item}]" for item in json.loads(_resolve(task["for_each_task"]["inputs"], values))]
            started += iterations
            states[key] = FAILED if set(iterations) & set(failing) else SUCCESS
        if key in failing:
            states[key] = FAILED
    return JobRun(states, outcomes, _result(job["tasks"], states), tuple(started))


def _ordered(tasks: Collection[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each task behind those it depends on."""
    ready: list[Mapping[str, Any]] = []
    while len(ready) < len(tasks):
        done = {task["task_key"] for task in ready}
        ready += [t for t in tasks if t not in ready and {d["task_key"] for d in t.get("depends_on", ())} <= done]
    return ready


def _state_before(task: Mapping[str, Any], states: Mapping[str, str], outcomes: Mapping[str, bool]) -> str:
    """SUCCESS when it may run, else what it is marked as."""
    above = []
    for dependency in task.get("depends_on", ()):
        state = states[dependency["task_key"]]
        taken = str(outcomes.get(dependency["task_key"])).lower()
        above.append(EXCLUDED if state == SUCCESS and dependency.get("outcome", taken) != taken else state)
    if not above:
        return SUCCESS
    if all(state == EXCLUDED for state in above):
        return EXCLUDED
    bad, good, run_if = sum(state in BAD for state in above), above.count(SUCCESS), task.get("run_if", "ALL_SUCCESS")
    if run_if == "ALL_SUCCESS" and not bad and EXCLUDED in above:
        raise ValueError(f"{task['task_key']}: ALL_SUCCESS behind an excluded task is not documented clearly: say NONE_FAILED")
    return {
        "ALL_SUCCESS": UPSTREAM_FAILED if bad else SUCCESS,
        "ALL_DONE": SUCCESS,
        "NONE_FAILED": SUCCESS if not bad and good else UPSTREAM_FAILED,
        "AT_LEAST_ONE_SUCCESS": SUCCESS if good else UPSTREAM_FAILED,
        "AT_LEAST_ONE_FAILED": SUCCESS if bad else EXCLUDED,
        "ALL_FAILED": SUCCESS if bad == len(above) else EXCLUDED,
    }[run_if]


def _resolve(text: str, values: Values) -> str:
    """Task values become text: strings as they are, the rest as JSON."""

    def value_of(match: re.Match[str]) -> str:
        value = values[match[1]][match[2]]
        return value if isinstance(value, str) else json.dumps(value)

    return REFERENCE.sub(value_of, text)


def _holds(condition: Mapping[str, str], values: Values) -> bool:
    """EQUAL_TO and NOT_EQUAL compare text, the others numbers."""
    left, right = _resolve(condition["left"], values), _resolve(condition["right"], values)
    if condition["op"] in NUMERIC:
        return bool(NUMERIC[condition["op"]](float(left), float(right)))
    return (left == right) == (condition["op"] == "EQUAL_TO")


def _result(tasks: Collection[Mapping[str, Any]], states: Mapping[str, str]) -> str:
    """That of the leaves; failures before leaves that went well are a kind of success."""
    inner = {dependency["task_key"] for task in tasks for dependency in task.get("depends_on", ())}
    leaves = [states[task["task_key"]] for task in tasks if task["task_key"] not in inner]
    if any(state in BAD for state in leaves):
        return FAILED
    return "SUCCESS_WITH_FAILURES" if any(state in BAD for state in states.values()) else SUCCESS
