"""What is wrong with an Amazon States Language definition, found without AWS.

Checked: the structure of every state (`state_machine_fields`), targets of Next, Default, Catch and Choices in their
own scope, states that nothing reaches, states from which no end is reached, choices that may match nothing, the same
inside Parallel branches and Map processors.
Left out: whether resources exist, what their parameters are called, IAM, and what expressions compute.
Nothing is executed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from state_machine_fields import State, error_problems, field_problems, rule_problems

TERMINAL = ("Succeed", "Fail")


def state_machine_problems(definition: Mapping[str, Any] | Path) -> list[str]:
    """Problems of a definition, or of the JSON file that holds it; each names the state. An empty list means none."""
    if isinstance(definition, Path):
        try:
            definition = json.loads(definition.read_text(), object_pairs_hook=_without_doubles)
        except ValueError as error:
            return [f"{definition.name}: {error}"]
    return list(_scope_problems(definition, "", definition.get("QueryLanguage", "JSONPath")))


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON parser keeps the last of two equal names: a state is lost without a word."""
    names = [name for name, _ in pairs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"names used twice in one object: {doubled}")
    return dict(pairs)


def _scope_problems(scope: Mapping[str, Any], place: str, language: str) -> Iterator[str]:
    """Problems of a state machine, a branch or an item processor: their states see only each other.

    Paths are followed only when every target exists; else each state behind a misspelt one would be reported.
    """
    states, start = scope.get("States") or {}, scope.get("StartAt")
    if start not in states:
        yield f"{place or 'the state machine: '}StartAt {start!r} is none of its states {sorted(states)}"
    for name, state in states.items():
        spoken = state.get("QueryLanguage", language)
        own = [*field_problems(state, spoken), *error_problems(state), *_choice_problems(state, spoken)]
        own += [f"{field} {to!r} is no state beside it" for field, to in _targets(state) if to not in states]
        yield from (f"{place}{name}: {line}" for line in own)
        for inner_place, inner in _inner_scopes(state):
            yield from _scope_problems(inner, f"{place}{name}.{inner_place}: ", spoken)
    if start in states and all(to in states for state in states.values() for _, to in _targets(state)):
        yield from _graph_problems(states, start, place)


def _choice_problems(state: State, language: str) -> Iterator[str]:
    if state.get("Type") != "Choice":
        return
    for position, rule in enumerate(state.get("Choices") or ()):
        yield from rule_problems(rule, language, f"Choices[{position}]")
    if "Default" not in state:
        yield "without Default an input that no rule matches ends the run with States.NoChoiceMatched"


def _targets(state: State) -> Iterator[tuple[str, str]]:
    """The states that may come next, each after the field that names it."""
    yield from ((field, state[field]) for field in ("Next", "Default") if field in state)
    for field in ("Choices", "Catch"):
        for position, rule in enumerate(state.get(field) or ()):
            if "Next" in rule:
                yield f"{field}[{position}].Next", rule["Next"]


def _inner_scopes(state: State) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for position, branch in enumerate(state.get("Branches") or ()):
        yield f"Branches[{position}]", branch
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield field, state[field]


def _graph_problems(states: Mapping[str, State], start: str, place: str) -> Iterator[str]:
    """States that no path from the start leads to, and states that no path leads out of."""
    follows = {name: {to for _, to in _targets(state)} & states.keys() for name, state in states.items()}
    ends = {name for name, state in states.items() if state.get("Type") in TERMINAL or state.get("End")}
    precedes = {name: {before for before, after in follows.items() if name in after} for name in states}
    reached, can_end = _closure({start}, follows), _closure(ends, precedes)
    for name in states:
        if name not in reached:
            yield f"{place}{name}: nothing leads here from {start!r}"
        elif name not in can_end:
            yield f"{place}{name}: no path from here reaches an end; the run never stops"


def _closure(found: set[str], steps: Mapping[str, set[str]]) -> set[str]:
    while more := {after for name in found for after in steps[name]} - found:
        found = found | more
    return found
