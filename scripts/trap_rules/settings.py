"""What a project's pyproject.toml says of traps: `[tool.find-traps]` with `exclude`, `ignore` and `baseline`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from research_protocol.model import CannotLookError

from .model import Finding
from .reports import below

_KIND = re.compile(r"[A-Z][a-z]\w+")  # the name of an error or a warning, which is no rule's
KEYS = ("exclude", "ignore", "baseline")


@dataclass(frozen=True)
class Settings:
    """`exclude`: patterns of paths below `root`; `ignore`: rule id -> reason; `baseline`: a file of `baseline.py`, or None."""

    root: Path
    exclude: tuple[str, ...] = ()
    ignore: Mapping[str, str] = field(default_factory=dict)
    baseline: Path | None = None

    def lets_through(self, finding: Finding) -> bool:
        """Whether nothing here keeps a finding quiet."""
        return finding.id not in self.ignore and not self.excludes(finding.path)

    def excludes(self, path: str) -> bool:
        """Whether a file is left out; `legacy/` leaves out all below that folder."""
        inside = below(path, self.root)
        return any(fnmatch(inside, pattern) or inside.startswith(pattern.rstrip("/*") + "/") for pattern in self.exclude)


def read_settings(path: Path, known: set[str]) -> Settings:
    """Settings of the nearest pyproject.toml at or above `path`; its folder is the root. `known` are the rules' ids.

    Raises CannotLookError for a key or rule that does not exist, a reason that is missing, and a file that is no TOML.
    """
    start = path.absolute() if path.is_dir() else path.absolute().parent
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            return _checked(_table(file), file, known)
    return Settings(start)


def _table(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("find-traps", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CannotLookError(f"{file}: {error}") from None
    return found if isinstance(found, dict) else {}


def _checked(table: dict[str, Any], file: Path, known: set[str]) -> Settings:
    where = f"{file}: [tool.find-traps]"
    if unknown := set(table) - set(KEYS):
        raise CannotLookError(f"{where} has no key {min(unknown)!r}; there are {', '.join(KEYS)}")
    ignore, exclude = table.get("ignore", {}), table.get("exclude", [])
    if not isinstance(ignore, dict) or any(not isinstance(reason, str) or not reason.strip() for reason in ignore.values()):
        raise CannotLookError(f"{where}: ignore wants a reason for each rule: ignore = {{ D007 = 'started by hand' }}")
    if unknown := {name for name in ignore if not _KIND.fullmatch(name)} - known:
        raise CannotLookError(f"{where}: there is no rule {min(unknown)!r}")
    if not isinstance(exclude, list):
        raise CannotLookError(f"{where}: exclude wants a list of patterns")
    baseline = table.get("baseline")
    return Settings(file.parent, tuple(map(str, exclude)), ignore, file.parent / str(baseline) if baseline else None)
