"""Marks above a fence."""

from __future__ import annotations

import pytest
from snippet_checker.marks import find_marks, read_marks
from snippet_checker.model import Level, Marks


def read(*texts: str) -> Marks:
    marks, problems = read_marks(list(texts), 7)
    assert problems == ()
    return marks


def problem(text: str) -> str:
    marks, problems = read_marks([text], 7)
    assert marks == Marks()
    assert [p.line for p in problems] == [7]
    return problems[0].message


def test_every_mark_of_the_design_is_read() -> None:
    """Each mark sets its own field and no other."""
    assert read("follows") == Marks(follows=True)
    assert read("tool airflow") == Marks(tool="airflow")
    assert read("environment guides") == Marks(environment="guides")
    assert read("raises ImportError, removed in 1.0") == Marks(raises="ImportError", reason="removed in 1.0")
    assert read("dialect snowflake") == Marks(dialect="snowflake")
    assert read("uses harness", "uses event_trigger") == Marks(uses=("harness", "event_trigger"))
    assert read("run") == Marks(run=True)
    assert read("loads, needs a cluster") == Marks(level=Level.LOADS, reason="needs a cluster")
    assert read("parse, needs an account") == Marks(level=Level.PARSES, reason="needs an account")


def test_settings_may_hold_json_python_and_spaces() -> None:
    """`with` takes several settings; values in braces are JSON or Python literals."""
    marks = read('with partition=2026-01-01 params={"n": 1, "name": "a b"} config={\'x\': True}')
    assert marks.exercise_with == {"partition": "2026-01-01", "params": {"n": 1, "name": "a b"}, "config": {"x": True}}


def test_several_marks_add_up() -> None:
    """Marks above one fence are read together."""
    assert read("tool dagster", "follows") == Marks(tool="dagster", follows=True)


def test_a_level_below_runs_needs_a_reason() -> None:
    """Nobody lowers the level of a snippet in silence."""
    assert "needs its reason" in problem("parse")
    assert "needs its reason" in problem("loads")


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("skip", "use follows, tool, environment, raises, with, uses, dialect, run, loads or parse"),
        ("tool luigi", "use one of dagster, airflow, prefect, embedded"),
        ("raises", "raises ImportError, removed in 1.0"),
        ("with key=1", "use partition, params, config or date"),
        ("with params={broken", "neither JSON nor a Python literal"),
        ("dialect", "dialect snowflake"),
    ],
)
def test_what_cannot_be_read_names_the_way_out(text: str, way_out: str) -> None:
    """A mark that is not understood says what would be."""
    assert way_out in problem(text)


def test_marks_are_found_among_other_comments() -> None:
    """Only comments that begin with `snippet:` are marks."""
    html = "<!-- expect: pass -->\n<!-- snippet: follows -->\n<!--snippet:   tool\n   dagster-->"
    assert find_marks(html) == ["follows", "tool dagster"]
