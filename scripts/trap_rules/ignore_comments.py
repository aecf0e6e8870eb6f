"""Comments that keep a finding quiet: ``# trap: ignore[D001] reason``. Without a reason they do not."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"#\s*trap:\s*ignore\[([\w\s,]+)\]\s*(.*)")


@dataclass(frozen=True)
class IgnoreComment:
    """One comment: the rules it names, why they do not count here, and whether it stands ``alone`` on its line."""

    line: int
    ids: frozenset[str]
    reason: str
    alone: bool = True

    @property
    def lines(self) -> set[int]:
        """The lines that it speaks of: its own; one that stands alone, also of the next."""
        return {self.line, self.line + 1} if self.alone else {self.line}


def read_ignore_comments(source: str) -> list[IgnoreComment]:
    """Every such comment of a Python source; what stands in a string is none. A broken source has none."""
    return list(_comments(source))


def _comments(source: str) -> Iterator[IgnoreComment]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            match = _COMMENT.search(token.string) if token.type == tokenize.COMMENT else None
            if match:
                ids = frozenset(name.strip() for name in match.group(1).split(","))
                alone = token.line.lstrip().startswith("#")
                yield IgnoreComment(token.start[0], ids, match.group(2).strip(), alone)
    except (tokenize.TokenError, IndentationError):
        return


def comment_for(rule: str, first: int, last: int, comments: list[IgnoreComment]) -> IgnoreComment | None:
    """The comment about ``rule`` within a definition, or alone on the line above it."""
    return next((one for one in comments if rule in one.ids and any(first <= line <= last for line in one.lines)), None)


def without_reason(comment: IgnoreComment) -> str:
    """What is said of a comment that does not keep its finding quiet."""
    return f"the comment on line {comment.line} gives no reason, and is not heard"
