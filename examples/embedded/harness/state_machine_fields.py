"""The fields, comparison operators and error rules of Amazon States Language, as tables and checks of one state.

Source: the Amazon States Language specification and AWS's pages on JSONata, Map and Retry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

State = Mapping[str, Any]

ANY_STATE = {"Type", "Comment", "QueryLanguage", "Assign", "Output", "InputPath", "OutputPath"}
MOVES_ON = {"Next", "End"}
RESULT = {"ResultPath"}
WORK = MOVES_ON | RESULT | {"Parameters", "ResultSelector", "Arguments", "Retry", "Catch"}
FIELDS = {
    "Task": WORK
    | {"Resource", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath", "Credentials"},
    "Parallel": WORK | {"Branches"},
    "Map": WORK
    | {"ItemProcessor", "Iterator", "Items", "ItemsPath", "ItemSelector", "ItemReader", "ItemBatcher", "ResultWriter"}
    | {"MaxConcurrency", "MaxConcurrencyPath", "Label"}
    | {"ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"},
    "Pass": MOVES_ON | RESULT | {"Result", "Parameters"},
    "Wait": MOVES_ON | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Choice": {"Choices", "Default"},
    "Succeed": set(),
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
}
NEEDED = {"Task": ("Resource",), "Parallel": ("Branches",), "Choice": ("Choices",)}
ONLY_JSONPATH = {
    "InputPath",
    "OutputPath",
    "ResultPath",
    "Parameters",
    "ResultSelector",
    "ItemsPath",
    "SecondsPath",
    "TimestampPath",
}
ONLY_JSONATA = {"Arguments", "Output", "Items"}
ORDERS = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
COMPARISONS = {
    *(f"{kind}{order}{end}" for kind in ("String", "Numeric", "Timestamp") for order in ORDERS for end in ("", "Path")),
    *("BooleanEquals", "BooleanEqualsPath", "StringMatches"),
    *("IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"),
}
RETRY_FIELDS = {
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
}
CATCH_FIELDS = {"ErrorEquals", "Next", "ResultPath", "Assign", "Output", "Comment"}


def field_problems(state: State, language: str) -> Iterator[str]:
    """Fields that the type of a state does not have, lacks, or has only in the other query language."""
    kind = state.get("Type")
    if kind not in FIELDS:
        yield f"Type {kind!r} is none of {', '.join(FIELDS)}"
        return
    unknown = sorted(state.keys() - ANY_STATE - FIELDS[kind])
    if unknown:
        yield f"a {kind} state has no field {', '.join(map(repr, unknown))}"
    yield from (f"a {kind} state needs {name!r}" for name in NEEDED.get(kind, ()) if not state.get(name))
    if kind == "Map" and not {"ItemProcessor", "Iterator"} & state.keys():
        yield "a Map state needs 'ItemProcessor'"
    if kind == "Wait" and len(state.keys() & {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"}) != 1:
        yield "a Wait state needs exactly one of Seconds, SecondsPath, Timestamp and TimestampPath"
    if "Next" in FIELDS[kind] and ("Next" in state) == bool(state.get("End")):
        yield "needs exactly one of Next and End: true"
    foreign = sorted(state.keys() & (ONLY_JSONPATH if language == "JSONata" else ONLY_JSONATA))
    if foreign:
        yield f"{', '.join(map(repr, foreign))} does not exist in {language}"
    yield from _limit_problems(state)


def _limit_problems(state: State) -> Iterator[str]:
    timeout, heartbeat = state.get("TimeoutSeconds"), state.get("HeartbeatSeconds")
    if isinstance(timeout, int) and isinstance(heartbeat, int) and heartbeat >= timeout:
        yield f"HeartbeatSeconds {heartbeat} must be smaller than TimeoutSeconds {timeout}"
    limits = {"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"}
    if ".waitForTaskToken" in str(state.get("Resource")) and not limits & state.keys():
        yield "waits up to a year for a token that never comes back; set HeartbeatSeconds or TimeoutSeconds"


def error_problems(state: State) -> Iterator[str]:
    """Retriers and catchers that are malformed, or that never apply because an earlier one takes every error."""
    for name, known in (("Retry", RETRY_FIELDS), ("Catch", CATCH_FIELDS)):
        rules = state.get(name, [])
        for position, rule in enumerate(rules):
            place, errors = f"{name}[{position}]", rule.get("ErrorEquals")
            if not errors:
                yield f"{place} needs a list ErrorEquals"
            elif "States.ALL" in errors and (len(errors) > 1 or position < len(rules) - 1):
                yield f"{place}: States.ALL must stand alone and in the last entry"
            if unknown := sorted(rule.keys() - known):
                yield f"{place} has no field {', '.join(map(repr, unknown))}"
            yield from (f"{place}: {line}" for line in _retry_problems(rule))


def _retry_problems(rule: State) -> Iterator[str]:
    least = {"IntervalSeconds": 1, "MaxAttempts": 0, "BackoffRate": 1.0, "MaxDelaySeconds": 1}
    for name, low in least.items():
        value = rule.get(name, low)
        number = isinstance(value, (int, float) if name == "BackoffRate" else int)
        if not number or isinstance(value, bool) or value < low:
            yield f"{name} {value!r} must be a number of at least {low}"


def rule_problems(rule: State, language: str, place: str, top: bool = True) -> Iterator[str]:
    """What is wrong with one entry of Choices, and with the rules inside And, Or and Not."""
    if top == ("Next" not in rule):
        yield f"{place} needs Next" if top else f"{place}: only the outer rule may have Next"
    if language == "JSONata":
        if "Condition" not in rule:
            yield f"{place} needs Condition"
        return
    inner = [rule["Not"]] if "Not" in rule else [*rule.get("And", ()), *rule.get("Or", ())]
    for position, part in enumerate(inner):
        yield from rule_problems(part, language, f"{place}.{position}", top=False)
    operators = sorted(rule.keys() - {"Next", "Comment", "Variable", "Assign", "Output"})
    if len(operators) != 1:
        yield f"{place} needs exactly one comparison, has {operators}"
    elif operators[0] not in COMPARISONS | {"And", "Or", "Not"}:
        yield f"{place}: no comparison is called {operators[0]!r}"
    elif operators[0] in COMPARISONS and not str(rule.get("Variable")).startswith("$"):
        yield f"{place}: Variable {rule.get('Variable')!r} must be a path that starts with $"
