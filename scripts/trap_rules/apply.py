"""Apply a table of rules to what was loaded, and drop what comments in the source keep quiet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .ignore_comments import IgnoreComment, comment_for, read_ignore_comments, without_reason
from .model import Finding, Rule, Trap
from .sources import Source


def apply_rules(rules: Iterable[Rule], loaded: Any, sources: Iterable[Source]) -> list[Finding]:
    """Findings in the order of their lines, each once. A rule that breaks is a finding of its own, not the end of the others."""
    comments = {source.path: read_ignore_comments(Path(source.path).read_text(encoding="utf-8")) for source in sources}
    found: dict[Finding, None] = {}
    for rule in rules:
        for trap in _traps(rule, loaded):
            comment = comment_for(rule.id, trap.place.first, trap.place.last, comments.get(trap.place.path, []))
            if comment is None or not comment.reason:
                found[_finding(rule, trap, comment)] = None
    return sorted(found, key=lambda one: (one.path, one.line, one.id))


def _traps(rule: Rule, loaded: Any) -> Iterator[Trap]:
    try:
        yield from list(rule.find(loaded))
    except Exception as error:
        message = f"the rule itself broke ({type(error).__name__}: {error}); all others were applied"
        yield Trap(loaded.whole_file, message)


def _finding(rule: Rule, trap: Trap, comment: IgnoreComment | None) -> Finding:
    lacking = "" if comment is None else f" ({without_reason(comment)})"
    return Finding(trap.place.path, trap.place.line, rule.id, f"{trap.subject} {rule.message}{lacking}", rule.fix, rule.hint)
