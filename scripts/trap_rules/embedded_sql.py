"""Snowflake's SQL cut into statements, by its text alone: comments and strings are known, the grammar is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HIDDEN = re.compile(r"--[^\n]*|//[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_$][\w$]*|;")
_ENDS_OTHER = ("IF", "FOR", "LOOP", "WHILE", "REPEAT")
_NO_BLOCK = ("TRANSACTION", "WORK", "NAME", ";")
_NAME = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?((?:[\w$]+|\"[^\"]+\")(?:\.(?:[\w$]+|\"[^\"]+\"))*)"
_CREATE = r"CREATE\s+(?:OR\s+(REPLACE|ALTER)\s+)?{}\s+" + _NAME
_TASK = re.compile(_CREATE.format("TASK"), re.IGNORECASE)
_STREAM = re.compile(_CREATE.format("STREAM"), re.IGNORECASE)
_RESUME = re.compile(rf"ALTER\s+TASK\s+{_NAME}\s+RESUME\b", re.IGNORECASE)
_EXECUTE = re.compile(rf"EXECUTE\s+TASK\s+{_NAME}", re.IGNORECASE)
_ENABLE = re.compile(r"TASK_DEPENDENTS_ENABLE\s*\(\s*'([^']+)'", re.IGNORECASE)
_AFTER = re.compile(r"\bAFTER\s+((?:[\w$.\"]+\s*,\s*)*[\w$.\"]+)", re.IGNORECASE)
_FINALIZE = re.compile(r"\bFINALIZE\s*=\s*'?([\w$.\"]+)", re.IGNORECASE)
_APPEND_ONLY = re.compile(r"\b(APPEND_ONLY|INSERT_ONLY)\s*=\s*TRUE\b", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One statement: its first and last line, its text without comments, and ``bare``, in which strings are blank too."""

    first: int
    last: int
    text: str
    bare: str


@dataclass(frozen=True)
class Task:
    """A CREATE TASK. Names are as Snowflake stores them, without schema."""

    name: str
    statement: Statement
    roots: tuple[str, ...]
    body: str


def stored_name(name: str) -> str:
    """`shop.load` is stored as LOAD, `"load"` as load."""
    last = re.findall(r"\"[^\"]+\"|[^.\"]+", name.strip())[-1]
    return last[1:-1] if last.startswith('"') else last.upper()


def statements_of(text: str) -> list[Statement]:
    """The statements of a file; a BEGIN ... END body with the semicolons in it belongs to its statement."""
    without_comments = _HIDDEN.sub(lambda match: match[0] if match[0].startswith("'") else _blank(match[0]), text)
    bare = _HIDDEN.sub(lambda match: _blank(match[0]), text)
    return [one for one in _cut(without_comments, bare) if one.bare.strip()]


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _cut(text: str, bare: str) -> Iterator[Statement]:
    start, depth = 0, 0
    words = list(_WORD.finditer(bare))
    for index, word in enumerate(words):
        before = words[index - 1][0].upper() if index else ";"
        following = words[index + 1][0].upper() if index + 1 < len(words) else ";"
        depth = max(0, depth + _step(word[0].upper(), before, following))
        if word[0] == ";" and not depth:
            yield _statement(text, bare, start, word.start())
            start = word.end()
    yield _statement(text, bare, start, len(text))


def _step(word: str, before: str, following: str) -> int:
    if word == "BEGIN":
        return following not in _NO_BLOCK
    if word == "CASE":
        return before != "END"
    return -1 if word == "END" and following not in _ENDS_OTHER else 0


def _statement(text: str, bare: str, start: int, end: int) -> Statement:
    lead = len(bare[start:end]) - len(bare[start:end].lstrip())
    first = bare.count("\n", 0, start + lead) + 1
    last = bare.count("\n", 0, start + len(bare[start:end].rstrip())) + 1
    return Statement(first, max(first, last), text[start + lead : end], bare[start + lead : end])


def tasks_of(statements: list[Statement]) -> list[Task]:
    """Every task that a file makes."""
    found = [(match, one) for one in statements if (match := _TASK.match(one.bare))]
    return [_task(match, one) for match, one in found if match[2].upper() != "IDENTIFIER"]


def _task(match: re.Match[str], statement: Statement) -> Task:
    header, _, body = _split_at_as(statement.bare[match.end() :])
    after = _AFTER.search(header)
    finalized = _FINALIZE.search(statement.text[match.end() :])
    above = after[1].split(",") if after else [finalized[1]] if finalized else []
    return Task(stored_name(match[2]), statement, tuple(map(stored_name, above)), body)


def _split_at_as(text: str) -> tuple[str, str, str]:
    match = re.search(r"\bAS\b", text, re.IGNORECASE)
    return (text[: match.start()], "AS", text[match.end() :]) if match else (text, "", "")


def streams_of(statements: list[Statement]) -> dict[str, tuple[Statement, bool, bool]]:
    """Every stream that a file makes: its statement, whether it is replaced, whether it holds inserts only."""
    found = [(match, one) for one in statements if (match := _STREAM.match(one.bare))]
    return {
        stored_name(match[2]): (one, (match[1] or "").upper() == "REPLACE", bool(_APPEND_ONLY.search(one.bare)))
        for match, one in found
    }


def resumed_in(text: str) -> dict[str, int]:
    """The tasks that a text resumes, each with the position of the last time; ``ROOT*`` where it enables a whole graph."""
    found = {stored_name(match[1]): match.start() for match in _RESUME.finditer(text)}
    return found | {f"{stored_name(match[1])}*": match.start() for match in _ENABLE.finditer(text)}


def executed_in(text: str) -> set[str]:
    """The tasks that a text starts by EXECUTE TASK, which a suspended root permits."""
    return {stored_name(match[1]) for match in _EXECUTE.finditer(text)}


def reads(bare: str, name: str) -> bool:
    """Whether a statement names a table or stream."""
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", bare, re.IGNORECASE) is not None
