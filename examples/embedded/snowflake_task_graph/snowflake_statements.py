"""Split Snowflake SQL into statements and read CREATE TASK, which sqlglot hands back as one opaque command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import sqlglot

Token = sqlglot.tokens.Token
BLOCK_ENDS_OF_OTHERS = {"IF", "FOR", "LOOP", "WHILE", "REPEAT"}  # `END IF` closes an IF, which opened no block here
TRANSACTION = {"TRANSACTION", "WORK", "NAME", ";"}


@dataclass(frozen=True)
class Statement:
    """One statement of a file, without its semicolon; `line` is where it begins."""

    source: str
    tokens: Sequence[Token]

    @property
    def line(self) -> int:
        """The line of its first word."""
        return self.tokens[0].line

    @property
    def text(self) -> str:
        """It as written, with comments between its words."""
        return self.source[self.tokens[0].start : self.tokens[-1].end + 1]

    @property
    def words(self) -> list[str]:
        """Its tokens in upper case."""
        return [token.text.upper() for token in self.tokens]


@dataclass
class Task:
    """What a CREATE TASK says; names as Snowflake stores them, upper case unless quoted, without their schema."""

    name: str
    line: int
    parameters: dict[str, str] = field(default_factory=dict)
    after: list[str] = field(default_factory=list)
    when: str = ""
    body: str = ""
    unread: list[str] = field(default_factory=list)

    @property
    def finalizes(self) -> str | None:
        """The root that this task ends, if it is a finalizer."""
        root = self.parameters.get("FINALIZE")
        return stored_name(root) if root else None


def stored_name(name: str) -> str:
    """`shop.load` is stored as LOAD, `"load"` as load."""
    last = name.split(".")[-1].strip("'")
    return last[1:-1] if last.startswith('"') else last.upper()


def split_statements(source: str) -> Iterator[Statement]:
    """The statements of a file; a BEGIN ... END body, with the semicolons in it, belongs to its statement."""
    start, depth = 0, 0
    tokens = sqlglot.tokenize(source, read="snowflake")
    words = [token.text.upper() for token in tokens]
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else ";"
        opens_case = word == "CASE" and words[max(0, index - 1)] != "END"
        if opens_case or (word == "BEGIN" and following not in TRANSACTION):
            depth += 1
        elif word == "END" and following not in BLOCK_ENDS_OF_OTHERS:
            depth = max(0, depth - 1)
        elif word == ";" and not depth:
            if tokens[start:index]:
                yield Statement(source, tokens[start:index])
            start = index + 1
    if tokens[start:]:
        yield Statement(source, tokens[start:])


def read_task(statement: Statement) -> Task:
    """Read CREATE [OR REPLACE | OR ALTER] TASK; what is not understood is in `unread`, a missing body is empty."""
    words = statement.words
    name, position = _name_at(statement, words.index("TASK") + (4 if "IF" in words[:6] else 1))
    task = Task(stored_name(name), statement.line)
    end = _position_of_as(words, position)
    while position < end:
        position = _read_clause(statement, words, position, end, task)
    if end + 1 < len(words):
        task.body = statement.source[statement.tokens[end + 1].start : statement.tokens[-1].end + 1]
    return task


def _read_clause(statement: Statement, words: list[str], position: int, end: int, task: Task) -> int:
    """Note the clause at `position`; where the next one begins."""
    following = words[position + 1] if position + 1 < end else ""
    if words[position] == "AFTER":
        name, position = _name_at(statement, position + 1)
        task.after.append(stored_name(name))
        while position < end and words[position] == "," and words[position + 2 : position + 3] != ["="]:
            name, position = _name_at(statement, position + 1)
            task.after.append(stored_name(name))
        return position
    if words[position] == "WHEN":
        task.when = statement.source[statement.tokens[position + 1].start : statement.tokens[end - 1].end + 1]
        return end
    if words[position] == "WITH" and following in ("TAG", "CONTACT"):
        return words.index(")", position) + 1
    if words[position : position + 3] == ["EXECUTE", "AS", "USER"]:
        return position + 4
    if following == "=":
        value, behind = _name_at(statement, position + 2)
        task.parameters[words[position]] = value
        return behind
    if words[position] != ",":
        task.unread.append(statement.tokens[position].text)
    return position + 1


def _name_at(statement: Statement, position: int) -> tuple[str, int]:
    """A name with its dots and quotes, or a value, and the position behind it."""
    tokens, first = statement.tokens, position
    while position + 2 < len(tokens) and tokens[position + 1].text == ".":
        position += 2
    if first == position and tokens[position].token_type.name in ("STRING", "RAW_STRING", "HEREDOC_STRING"):
        return tokens[position].text, position + 1
    return statement.source[tokens[first].start : tokens[position].end + 1], position + 1


def _position_of_as(words: list[str], position: int) -> int:
    """Where the AS before the body stands; the end when there is none."""
    depth = 0
    for index in range(position, len(words)):
        depth += (words[index] == "(") - (words[index] == ")")
        if words[index] == "AS" and not depth and words[index - 1] != "EXECUTE":
            return index
    return len(words)
