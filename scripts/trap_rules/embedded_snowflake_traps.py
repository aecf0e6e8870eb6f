"""Traps of Snowflake's tasks and streams, each a small function over a file of SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .embedded_loaded import Loaded
from .embedded_sql import Statement, Task, executed_in, reads, resumed_in, statements_of, streams_of
from .model import Trap

_DELETES = re.compile(r"\bTHEN\s+DELETE\b", re.IGNORECASE)
_OF_STREAM = re.compile(r"METADATA\$(ACTION|ISUPDATE|ROW_ID)", re.IGNORECASE)  # stages have METADATA$FILENAME
_SHOWS_ALL = re.compile(r"\bSHOW_INITIAL_ROWS\s*=\s*TRUE\b", re.IGNORECASE)
_NOTES_ACTION = re.compile(r"\bSET\b(?:(?!\bWHEN\s+(?:NOT\s+)?MATCHED\b).)*METADATA\$ACTION", re.IGNORECASE | re.DOTALL)
_MERGE = re.compile(r"\bMERGE\s+INTO\b[^;]*", re.IGNORECASE)
_CHANGING = re.compile(r"\s*(INSERT|MERGE|UPDATE|DELETE|CREATE\s+(OR\s+REPLACE\s+)?(TRANSIENT\s+)?TABLE)\b", re.IGNORECASE)
_BLOCK = re.compile(r"(?:\s*DECLARE\b.*?)?\s*BEGIN\b(?!\s*(?:TRANSACTION|WORK|NAME|;))(.*)\bEND\s*;?\s*", re.I | re.S)
_OPENS = re.compile(r"\bBEGIN\s*(TRANSACTION|WORK|NAME|;)|\bSTART\s+TRANSACTION\b", re.IGNORECASE)


# --- tasks


def never_resumed(loaded: Loaded) -> Iterator[Trap]:
    """A task is made suspended."""
    resumed = {*resumed_in(_bare(loaded)), *resumed_in(_with_strings(loaded)), *executed_in(_bare(loaded))}
    for task in loaded.tasks:
        names = {task.name, *(f"{root}*" for root in _above(task, loaded.tasks))}
        if not names & (resumed | loaded.resumed_elsewhere):
            yield loaded.at_statement(task.statement, f"task {task.name}")


def resumed_after_root(loaded: Loaded) -> Iterator[Trap]:
    """A started root refuses changes of its graph, also that a child is resumed."""
    resumed = resumed_in(_bare(loaded))
    for task in loaded.tasks:
        roots = _above(task, loaded.tasks) - {task.name}
        if task.name in resumed and any(resumed.get(root, resumed[task.name]) < resumed[task.name] for root in roots):
            yield loaded.at_statement(task.statement, f"task {task.name}")


def _bare(loaded: Loaded) -> str:
    return ";\n".join(one.bare for one in loaded.statements)


def _with_strings(loaded: Loaded) -> str:
    return ";\n".join(one.text for one in loaded.statements)


def _above(task: Task, tasks: list[Task]) -> set[str]:
    """The roots of a task's graph, itself where nothing is above it."""
    by_name = {one.name: one for one in tasks}
    found: set[str] = set()
    waiting, seen = [task.name], set()
    while waiting:
        name = waiting.pop()
        above = by_name[name].roots if name in by_name else ()
        if not above:
            found.add(name)
        waiting += [one for one in above if one not in seen]
        seen |= {name, *above}
    return found


# --- streams


def forgets_deletes(loaded: Loaded) -> Iterator[Trap]:
    """A MERGE from a stream of all changes that has a branch for inserts and updates only."""
    for statement in loaded.statements:
        for merge in _MERGE.finditer(statement.bare):
            text = merge[0]
            sources = [name for name in loaded.streams if reads(text, name)]
            from_stream = bool(sources) or _OF_STREAM.search(text) is not None
            inserts_only = bool(sources) and all(loaded.streams[name] for name in sources)
            if from_stream and not inserts_only and not _DELETES.search(text) and not _NOTES_ACTION.search(text):
                line = statement.first + statement.bare.count("\n", 0, merge.start())
                target = text.split()[2]
                yield loaded.at_line(line, f"MERGE INTO {target}")


def replaced_stream(loaded: Loaded) -> Iterator[Trap]:
    """A deployment that makes the stream anew."""
    for name, (statement, replaced, _) in streams_of(loaded.statements).items():
        if replaced and not _SHOWS_ALL.search(statement.bare):
            yield loaded.at_statement(statement, f"stream {name}")


def read_twice(loaded: Loaded) -> Iterator[Trap]:
    """Each statement of a block is a transaction of its own, and the first that reads a stream consumes it."""
    for task in loaded.tasks:
        block = _BLOCK.fullmatch(task.body)
        if not block or _OPENS.search(block[1]):
            continue
        changing = [one for one in statements_of(block[1]) if _CHANGING.match(one.bare)]
        for name in loaded.streams:
            if len(_reading(changing, name)) > 1:
                yield loaded.at_statement(task.statement, f"task {task.name}: stream {name}")


def _reading(statements: list[Statement], name: str) -> list[Statement]:
    return [one for one in statements if reads(one.bare, name)]
