"""The values that travel through the checker: snippet, check, finding, result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Level(StrEnum):
    """How far a snippet was proved, best first."""

    RUNS = "runs"
    LOADS = "loads"
    PARSES = "parses"


class Language(StrEnum):
    """What a fence may hold."""

    PYTHON = "python"
    SQL = "sql"
    YAML = "yaml"
    JSON = "json"
    TOML = "toml"
    BASH = "bash"
    TEXT = "text"
    MERMAID = "mermaid"
    OTHER = "other"


@dataclass(frozen=True)
class Marks:
    """What the HTML comments above a fence ask for.

    ``exercise_with`` holds what the work is exercised with: partition, params, config.
    ``uses`` names folders of the tool's examples that lie beside the snippet when it runs.
    ``environment`` is one that the documentation's own settings name.
    ``level`` is set only when the author asks for less than ``runs``, and then ``reason`` says why.
    """

    follows: bool = False
    tool: str | None = None
    raises: str | None = None
    reason: str = ""
    exercise_with: Mapping[str, Any] = field(default_factory=dict)
    dialect: str | None = None
    run: bool = False
    uses: tuple[str, ...] = ()
    environment: str | None = None
    level: Level | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, at one line of a page or file.

    ``kind`` is the name of the exception or of the rule; ``current`` the form that works on the pinned version.
    """

    line: int
    kind: str
    message: str
    current: str = ""


@dataclass(frozen=True)
class Snippet:
    """One fence of a page, or one whole file of an example.

    ``line`` and ``end_line`` are lines of the page, 1-based: the first and the last line of the code.
    ``problems`` are defects of the Markdown itself (unknown mark, fence never closed).
    ``folder`` is set for a file of an example: the folder whose other files it may read. ``in_place`` is the path
    of a file of a user's project, which is loaded where it lies.
    """

    page: str
    line: int
    end_line: int
    language: Language
    code: str
    marks: Marks = Marks()
    problems: tuple[Finding, ...] = ()
    folder: str | None = None
    in_place: str | None = None

    @property
    def place(self) -> str:
        """``page:line``, the form editors open."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Check:
    """What will be done with one snippet.

    ``source`` is the page with everything but the code blanked out, so that line numbers are the page's.
    ``tool`` names the environment; it is ``None`` when the snippet needs none (text, SQL, YAML, ...).
    """

    snippet: Snippet
    tool: str | None
    level: Level
    source: str
    problems: tuple[Finding, ...] = ()
    strict: bool = True

    @property
    def place(self) -> str:
        return self.snippet.place


def folders_beside(check: Check) -> list[str]:
    """The folders of the examples that a snippet uses, as absolute paths."""
    return [str(EXAMPLES / (check.tool or "") / name) for name in check.snippet.marks.uses]


@dataclass(frozen=True)
class Result:
    """What came of one check. ``level`` is the level that was reached; a failed result reached none."""

    check: Check
    passed: bool
    level: Level | None
    findings: tuple[Finding, ...] = ()
    output: str = ""
    seconds: float = 0.0
    cached: bool = False
    note: str = ""


class MachineError(Exception):
    """The machine, not the content, stands in the way: no environment, no index, no interpreter."""
