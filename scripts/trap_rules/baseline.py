"""A file of the findings that a project has today, so that a check fails on new ones only. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from research_protocol.model import CannotLookError

from .model import Finding
from .reports import below, fingerprints


def write_baseline(file: Path, findings: Sequence[Finding], root: Path) -> None:
    """Keep the findings; each entry says which it is, for whoever reviews the file."""
    marks = fingerprints(findings, root)
    kept = {mark: f"{below(one.path, root)}: {one.id} {one.message}" for one, mark in zip(findings, marks, strict=True)}
    file.write_text(json.dumps({"version": 1, "findings": kept}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def without_baseline(file: Path, findings: Sequence[Finding], root: Path) -> tuple[list[Finding], int, int]:
    """Findings that the file does not hold; how many it does; how many of its entries are found no more.

    Raises CannotLookError when the file cannot be read.
    """
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        known = set(told["findings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotLookError(f"{file}: no baseline ({error}); write one with --write-baseline {file}") from None
    marks = fingerprints(findings, root)
    new = [one for one, mark in zip(findings, marks, strict=True) if mark not in known]
    return new, len(findings) - len(new), len(known - set(marks))
