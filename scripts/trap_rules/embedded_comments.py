"""Comments that keep a finding quiet in YAML and SQL: ``# trap: ignore[E001] reason``, ``-- trap: ignore[E001] reason``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .ignore_comments import IgnoreComment, comment_for
from .model import Rule, Trap

_COMMENT = re.compile(r"(?:#|--|//)\s*trap:\s*ignore\[([\w\s,]+)\]\s*(.*)")


def comments_of_text(text: str) -> Iterator[IgnoreComment]:
    """Every such comment of a file that is not Python."""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _COMMENT.search(line):
            yield IgnoreComment(number, frozenset(name.strip() for name in match.group(1).split(",")), match.group(2).strip())


def hearing(rule: Rule) -> Rule:
    """The rule without what such a comment keeps quiet in files that are not Python; those are for ``apply_rules``."""

    def find(loaded: Any) -> Iterable[Trap]:
        return [trap for trap in rule.find(loaded) if not _is_quiet(rule, trap)]

    return dataclasses.replace(rule, find=find)


def _is_quiet(rule: Rule, trap: Trap) -> bool:
    if trap.place.path.endswith(".py"):
        return False
    comments = list(comments_of_text(Path(trap.place.path).read_text(encoding="utf-8")))
    comment = comment_for(rule.id, trap.place.first, trap.place.last, comments)
    return comment is not None and bool(comment.reason)
