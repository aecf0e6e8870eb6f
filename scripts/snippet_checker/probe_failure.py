"""What a probe raises when the tool accepts a snippet in silence, and it is wrong all the same."""

from __future__ import annotations

from typing import Any


class ProbeFailure(Exception):
    """``kind`` names the rule or the tool's own error, ``line`` the line of the page where it shows, if known."""

    def __init__(self, kind: str, message: str, line: int | None = None, current: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.line = line
        self.current = current


def is_selected(name: str, settings: dict[str, Any]) -> bool:
    """Whether a definition is to be exercised: all are where none is named."""
    return not settings.get("select") or name in settings["select"]
