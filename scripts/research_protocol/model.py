"""The values that one look at a project passes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OK, CONTENT, MACHINE = 0, 1, 2


class CannotLookError(Exception):
    """The question cannot be answered here (no such path, no interpreter); the message says the way out."""


@dataclass(frozen=True)
class Found:
    """One thing that a project defines or uses, at the line where it begins. ``detail`` holds what a follower copies."""

    tool: str
    kind: str
    name: str
    path: str
    line: int
    detail: str = ""

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Unread:
    """A file that could not be looked into, and why."""

    path: str
    line: int
    reason: str


@dataclass(frozen=True)
class Answer:
    """What a command has to say: ``data`` for --json, ``lines`` for a reader, and the exit code."""

    data: dict[str, Any]
    lines: list[str] = field(default_factory=list)
    code: int = OK
