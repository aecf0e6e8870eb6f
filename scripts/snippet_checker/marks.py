"""Read the marks above a fence: ``<!-- snippet: follows -->`` and its siblings."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import replace
from typing import Any

from .model import Finding, Level, Marks

KNOWN_MARKS = "follows, tool, environment, raises, with, uses, dialect, run, loads or parse"
KNOWN_SETTINGS = "partition, params, config or date"
TOOLS = ("dagster", "airflow", "prefect", "embedded")
_COMMENT = re.compile(r"<!--\s*snippet:(.*?)-->", re.DOTALL)


def find_marks(html: str) -> list[str]:
    """The texts of all marks in a block of HTML, in order."""
    return [" ".join(match.split()) for match in _COMMENT.findall(html)]


def read_marks(texts: list[str], line: int) -> tuple[Marks, tuple[Finding, ...]]:
    """Fold the texts of the marks above one fence into Marks; what cannot be read becomes findings at ``line``."""
    marks, problems = Marks(), []
    for text in texts:
        word, _, rest = text.partition(" ")
        word, rest = word.rstrip(","), rest.strip(" ,")
        try:
            marks = _READERS[word](marks, rest)
        except KeyError:
            problems.append(Finding(line, "UnknownMark", f"unknown mark {word!r}; use {KNOWN_MARKS}"))
        except ValueError as error:
            problems.append(Finding(line, "UnknownMark", f"mark {text!r}: {error}"))
    return marks, tuple(problems)


def _follows(marks: Marks, rest: str) -> Marks:
    return replace(marks, follows=True)


def _tool(marks: Marks, rest: str) -> Marks:
    if rest not in TOOLS:
        raise ValueError(f"no such tool; use one of {', '.join(TOOLS)}")
    return replace(marks, tool=rest)


def _environment(marks: Marks, rest: str) -> Marks:
    if not rest.isidentifier():
        raise ValueError("name an environment of [[tool.snippet-checker.environments]]: `environment guides`")
    return replace(marks, environment=rest)


def _raises(marks: Marks, rest: str) -> Marks:
    name, _, reason = rest.partition(",")
    if not name.strip().isidentifier():
        raise ValueError("say which error and why: `raises ImportError, removed in 1.0`")
    return replace(marks, raises=name.strip(), reason=reason.strip())


def _dialect(marks: Marks, rest: str) -> Marks:
    if not rest.isidentifier():
        raise ValueError("name the SQL dialect as sqlglot spells it: `dialect snowflake`")
    return replace(marks, dialect=rest)


def _run(marks: Marks, rest: str) -> Marks:
    return replace(marks, run=True)


def _uses(marks: Marks, rest: str) -> Marks:
    if not re.fullmatch(r"[a-z0-9_]+", rest):
        raise ValueError("name a folder of the tool's examples: `uses harness`")
    return replace(marks, uses=(*marks.uses, rest))


def _loads(marks: Marks, rest: str) -> Marks:
    return _lower_level(marks, Level.LOADS, rest)


def _parse(marks: Marks, rest: str) -> Marks:
    return _lower_level(marks, Level.PARSES, rest)


def _lower_level(marks: Marks, level: Level, reason: str) -> Marks:
    if not reason:
        raise ValueError(f"a level below `runs` needs its reason: `{level}, needs a Databricks workspace`")
    return replace(marks, level=level, reason=reason)


def _with(marks: Marks, rest: str) -> Marks:
    settings = dict(marks.exercise_with)
    for setting in _split_settings(rest):
        name, equals, value = setting.partition("=")
        if not equals or name not in ("partition", "params", "config", "date"):
            raise ValueError(f"{setting!r} is no setting; use {KNOWN_SETTINGS}: `with partition=2026-01-01`")
        settings[name] = _read_value(value)
    return replace(marks, exercise_with=settings)


def _split_settings(text: str) -> list[str]:
    """Split at the spaces before ``name=``, so that a JSON value may hold spaces."""
    return [part for part in re.split(r"[,\s]+(?=(?:partition|params|config|date)=)", text.strip()) if part]


def _read_value(text: str) -> Any:
    if not text.startswith(("{", "[")):
        return text.strip("\"'")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        try:
            return ast.literal_eval(text)
        except (SyntaxError, ValueError):
            raise ValueError(f"{text!r} is neither JSON nor a Python literal") from None


_READERS = {
    "follows": _follows,
    "tool": _tool,
    "environment": _environment,
    "raises": _raises,
    "with": _with,
    "uses": _uses,
    "dialect": _dialect,
    "run": _run,
    "loads": _loads,
    "parse": _parse,
}
