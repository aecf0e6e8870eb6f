"""The state machine validator passes a right definition and names what is wrong with each broken twin."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from state_machine_validator import state_machine_problems

LOAD = {
    "Type": "Task",
    "Resource": "arn:aws:states:::glue:startJobRun.sync",
    "Parameters": {"JobName": "load", "Arguments": {"--day.$": "$.day"}},
    "TimeoutSeconds": 3600,
    "Retry": [{"ErrorEquals": ["Glue.ConcurrentRunsExceededException"], "IntervalSeconds": 30, "BackoffRate": 2}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
    "Next": "Any rows",
}
MACHINE: dict[str, Any] = {
    "StartAt": "Load",
    "States": {
        "Load": LOAD,
        "Any rows": {
            "Type": "Choice",
            "Choices": [{"And": [{"Variable": "$.rows", "NumericGreaterThan": 0}], "Next": "Both"}],
            "Default": "Done",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "Check", "States": {"Check": {"Type": "Pass", "End": True}}}],
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.files",
            "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Wait", "Seconds": 1, "End": True}}},
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "LoadFailed"},
    },
}


def changed(state: str, **fields: object) -> dict[str, Any]:
    """The right definition with fields of one state set, or removed where the value is None."""
    machine = copy.deepcopy(MACHINE)
    kept = machine["States"][state] | fields
    machine["States"][state] = {name: value for name, value in kept.items() if value is not None}
    return machine


def test_a_right_definition_has_no_problem() -> None:
    """Task with Retry and Catch, Choice, Parallel, Map, Wait, Pass, Succeed and Fail."""
    assert state_machine_problems(MACHINE) == []


def test_a_right_jsonata_definition_has_no_problem() -> None:
    """Arguments, Output and Condition belong to JSONata; the language of the machine holds for its states."""
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "Load",
        "States": {
            "Load": {"Type": "Task", "Resource": "arn:x", "Arguments": {"day": "{% $states.input.day %}"}, "Next": "Rows"},
            "Rows": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Done"}], "Default": "Done"},
            "Done": {"Type": "Succeed", "Output": "{% 1 %}"},
        },
    }
    assert state_machine_problems(machine) == []
    del machine["QueryLanguage"]
    assert state_machine_problems(machine) == [
        "Load: 'Arguments' does not exist in JSONPath",
        "Rows: Choices[0]: no comparison is called 'Condition'",
        "Done: 'Output' does not exist in JSONPath",
    ]


@pytest.mark.parametrize(
    ("state", "fields", "problems"),
    [
        ("Load", {"Next": "Any row"}, ["Load: Next 'Any row' is no state beside it"]),
        ("Load", {"End": True}, ["Load: needs exactly one of Next and End: true"]),
        ("Load", {"Resorce": "x"}, ["Load: a Task state has no field 'Resorce'"]),
        ("Load", {"Resource": None}, ["Load: a Task state needs 'Resource'"]),
        ("Load", {"Type": "Tsk"}, ["Load: Type 'Tsk' is none of Task, Parallel, Map, Pass, Wait, Choice, Succeed, Fail"]),
        ("Load", {"HeartbeatSeconds": 3600}, ["Load: HeartbeatSeconds 3600 must be smaller than TimeoutSeconds 3600"]),
        (
            "Load",
            {"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "TimeoutSeconds": None},
            ["Load: waits up to a year for a token that never comes back; set HeartbeatSeconds or TimeoutSeconds"],
        ),
        ("Load", {"Arguments": {}}, ["Load: 'Arguments' does not exist in JSONPath"]),
        (
            "Load",
            {"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X"], "MaxAttempt": 3}]},
            [
                "Load: Retry[0]: States.ALL must stand alone and in the last entry",
                "Load: Retry[1] has no field 'MaxAttempt'",
            ],
        ),
        (
            "Load",
            {"Retry": [{"ErrorEquals": ["X"], "IntervalSeconds": 0, "BackoffRate": 0.5}]},
            [
                "Load: Retry[0]: IntervalSeconds 0 must be a number of at least 1",
                "Load: Retry[0]: BackoffRate 0.5 must be a number of at least 1.0",
            ],
        ),
        (
            "Load",
            {"Catch": [{"ErrorEquals": [], "Next": "Fail"}]},
            [
                "Load: Catch[0] needs a list ErrorEquals",
                "Load: Catch[0].Next 'Fail' is no state beside it",
            ],
        ),
        (
            "Any rows",
            {"Default": None},
            ["Any rows: without Default an input that no rule matches ends the run with States.NoChoiceMatched"],
        ),
        (
            "Any rows",
            {"Choices": [{"Variable": "rows", "NumericGreaterThan": 0, "Next": "Both"}]},
            ["Any rows: Choices[0]: Variable 'rows' must be a path that starts with $"],
        ),
        (
            "Any rows",
            {"Choices": [{"Variable": "$.rows", "NumberGreaterThan": 0, "Next": "Both"}]},
            ["Any rows: Choices[0]: no comparison is called 'NumberGreaterThan'"],
        ),
        (
            "Any rows",
            {"Choices": [{"Not": {"Variable": "$.a", "IsNull": True, "Next": "Done"}, "Next": "Both"}]},
            ["Any rows: Choices[0].0: only the outer rule may have Next"],
        ),
        (
            "Both",
            {"Branches": [{"StartAt": "Check", "States": {"Check": {"Type": "Pass", "Next": "Done"}}}]},
            ["Both.Branches[0]: Check: Next 'Done' is no state beside it"],
        ),
        ("Each", {"ItemProcessor": None}, ["Each: a Map state needs 'ItemProcessor'"]),
        (
            "Each",
            {"ItemProcessor": {"StartAt": "Two", "States": {"One": {"Type": "Succeed"}}}},
            ["Each.ItemProcessor: StartAt 'Two' is none of its states ['One']"],
        ),
        (
            "Done",
            {"Type": "Wait", "End": True},
            ["Done: a Wait state needs exactly one of Seconds, SecondsPath, Timestamp and TimestampPath"],
        ),
    ],
)
def test_a_broken_definition_is_named(state: str, fields: dict[str, object], problems: list[str]) -> None:
    """Exactly the problems that the change brought, with the state and the value."""
    assert state_machine_problems(changed(state, **fields)) == problems


def test_a_loop_without_a_way_out_is_found() -> None:
    """Polling that no choice leaves never stops; one with a way out is fine."""
    wait = {"Type": "Wait", "Seconds": 10, "Next": "Look"}
    look = {"Type": "Pass", "Next": "Wait"}
    endless = {"StartAt": "Wait", "States": {"Wait": wait, "Look": look}}
    assert state_machine_problems(endless) == [
        "Wait: no path from here reaches an end; the run never stops",
        "Look: no path from here reaches an end; the run never stops",
    ]
    choice = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.state", "StringEquals": "DONE", "Next": "Done"}],
        "Default": "Wait",
    }
    polling = {"StartAt": "Wait", "States": {"Wait": wait, "Look": choice, "Done": {"Type": "Succeed"}}}
    assert state_machine_problems(polling) == []


def test_a_state_that_nothing_reaches_is_found() -> None:
    """A cleanup that no Catch leads to never runs."""
    assert state_machine_problems(changed("Load", Catch=None)) == ["Failed: nothing leads here from 'Load'"]


def test_a_file_with_a_doubled_state_or_no_json_is_refused(tmp_path: Path) -> None:
    """`json.load` keeps the second of two states with one name; the file of the right definition passes."""
    right, doubled, broken = (tmp_path / name for name in ("right.json", "doubled.json", "broken.json"))
    right.write_text(json.dumps(MACHINE))
    doubled.write_text('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "A": {"Type": "Fail"}}}')
    broken.write_text('{"StartAt": "A",}')
    assert state_machine_problems(right) == []
    assert state_machine_problems(doubled) == ["doubled.json: names used twice in one object: ['A']"]
    assert state_machine_problems(broken)[0].startswith("broken.json: ")
