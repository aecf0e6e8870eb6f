"""What a probe raises when the tool accepts a snippet in silence, and it is wrong all the same."""

from __future__ import annotations

import re


class ProbeFailure(Exception):
    """``kind`` names the rule or the tool's own error, ``line`` the line of the page where it shows, if known."""

    def __init__(self, kind: str, message: str, line: int | None = None, current: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.line = line
        self.current = current


def line_of_word(source: str, message: str) -> int | None:
    """The first line of ``source`` that holds a word which ``message`` quotes: where a validator gives no line."""
    for word in re.findall(r"['\"`]([^'\"`]+)['\"`]", message):
        for number, line in enumerate(source.split("\n"), start=1):
            if word.split(".")[-1] in line:
                return number
    return None
