"""From an answer to a result."""

from __future__ import annotations

from typing import Any

import pytest
from snippet_checker.judge import judge
from snippet_checker.model import Check, Language, Level, Marks, Snippet


def check(marks: Marks = Marks()) -> Check:  # noqa: B008
    return Check(Snippet("p.md", 5, 6, Language.PYTHON, "x\ny\n", marks), "dagster", Level.RUNS, "x\ny\n")


RAISED: dict[str, Any] = {"raised": {"kind": "KeyError", "kinds": ["KeyError", "LookupError"], "message": "'a'", "line": 6}}
STALE: dict[str, Any] = {"findings": [{"line": 5, "kind": "DeprecationWarning", "message": "old"}]}


def test_silence_is_success_at_the_level_asked_for() -> None:
    """No finding, no error, an answer: the snippet runs."""
    result = judge(check(), {"findings": [], "raised": None, "wall": 0.5})
    assert (result.passed, result.level, result.findings, result.seconds) == (True, Level.RUNS, (), 0.5)


@pytest.mark.parametrize("answer", [RAISED, STALE, {"ended": "killed by signal 9"}])
def test_whatever_was_found_is_a_failure_that_reached_no_level(answer: dict[str, Any]) -> None:
    """An error, a deprecation, and no result at all."""
    result = judge(check(), answer)
    assert (result.passed, result.level, len(result.findings)) == (False, None, 1)


@pytest.mark.parametrize(("name", "answer"), [("KeyError", RAISED), ("LookupError", RAISED), ("DeprecationWarning", STALE)])
def test_raises_is_met_by_the_error_its_bases_and_by_warnings(name: str, answer: dict[str, Any]) -> None:
    """A snippet marked `raises` runs when that came out of it."""
    result = judge(check(Marks(raises=name)), answer)
    assert (result.passed, result.level) == (True, Level.RUNS)


def test_raises_is_not_met_by_another_error_by_nothing_or_by_a_kill() -> None:
    """The message says what came instead."""
    other = judge(check(Marks(raises="ImportError")), RAISED)
    nothing = judge(check(Marks(raises="ImportError")), {"findings": [], "raised": None})
    killed = judge(check(Marks(raises="NoResult")), {"ended": "killed by signal 9"})
    assert [r.passed for r in (other, nothing, killed)] == [False, False, False]
    assert other.findings[0].message == "raises KeyError, not ImportError: 'a'"
    assert nothing.findings[0].kind == "NothingRaised"
