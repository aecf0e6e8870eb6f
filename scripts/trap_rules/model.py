"""The values of a trap: the rule, the place in the source, the finding. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Place:
    """Where a definition stands: ``line`` is what editors open; ``first`` to ``last`` is where a comment belongs to it."""

    path: str
    line: int
    first: int
    last: int


@dataclass(frozen=True)
class Trap:
    """What a rule found: the place, and the definition in the tool's words, such as ``asset orders``."""

    place: Place
    subject: str


@dataclass(frozen=True)
class Rule:
    """One trap. ``message`` completes the sentence that begins with the subject; ``harm`` is what a test has shown.

    ``holds_for`` are the versions it was shown on, ``anchor`` its place on the page of traps. A ``hint`` can be meant so:
    it is told, and does not fail a check. ``same_as`` is a pattern of what the checker says of the same fault, as
    ``Kind: message``; `check.py PROJECT` then tells the trap alone.
    """

    id: str
    message: str
    harm: str
    fix: str
    holds_for: str
    find: Callable[[Any], Iterable[Trap]]
    hint: bool = False
    same_as: str = ""

    @property
    def anchor(self) -> str:
        return f"references/traps.md#{self.id.lower()}"


@dataclass(frozen=True)
class Finding:
    """One trap in one file, or a file that could not be looked into (then ``id`` is ``LOAD``)."""

    path: str
    line: int
    id: str
    message: str
    fix: str
    hint: bool = False
