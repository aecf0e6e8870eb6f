"""Find the rows of the ledger that scripts and settings files meet: old commands, old settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from .drift_ledger import Row

READ = re.compile(
    r"(?:\.(?:sh|bash|zsh|env|cfg|ini|toml|ya?ml|mk|ps1|service|tf)|(?:^|/)(?:Dockerfile|Makefile|Procfile|justfile|\.env)[^/]*)$"
)
LARGEST = 1_000_000  # bytes
_COMMENT = re.compile(r"^\s*#")


def patterns_of(rows: Sequence[Row]) -> list[tuple[re.Pattern[str], str]]:
    """One pattern for each setting and command."""
    patterns = []
    for row in rows:
        for match in row.matches:
            if "setting" in match:
                patterns.append((re.compile(rf"(?<![\w.]){re.escape(match['setting'])}(?![\w.])"), row.id))
            elif "command" in match:
                words = [".*?" if word == "..." else re.escape(word) for word in match["command"].split()]
                patterns.append(
                    (re.compile(r"(?<![\w-])" + r"\s+".join(words).replace(r"\s+.*?\s+", r"\s.*?") + r"(?![\w-])"), row.id)
                )
    return patterns


def analyse_text(path: Path, patterns: Sequence[tuple[re.Pattern[str], str]]) -> Iterator[tuple[int, str]]:
    """Lines and rows that a file meets; comments are not read. Raises OSError."""
    if path.stat().st_size > LARGEST:
        return
    text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", "  ")
    lines = text.split("\n")
    for pattern, row in patterns if any(pattern.search(text) for pattern, _ in patterns) else ():
        for number, line in enumerate(lines, start=1):
            if pattern.search(line) and not _COMMENT.match(line):
                yield number, row
