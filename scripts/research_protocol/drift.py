"""`drift`: stale forms of a project, the error each gives on the installed version, and the current form."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .drift_ledger import DISTRIBUTIONS, LEDGER, Row, read_ledger
from .installed import Installed, ask_installed
from .interpreters import choose_interpreter
from .match_rows import Wanted, analyse_drift
from .match_text import READ, analyse_text, patterns_of
from .model import CONTENT, OK, Answer, CannotLookError, Unread
from .patterns import lines_of_unread
from .project_files import ProjectFiles, list_files
from .python_sources import TOOL_WORDS, analyse_files

RULES = "AIR301,AIR302,AIR303,AIR311,AIR312,AIR321"  # removed, moved or changed in Airflow 3


@dataclass(frozen=True)
class Stale:
    """A stale form at a line; ``stands`` says whether it is stale on the installed version."""

    path: str
    line: int
    id: str
    old: str
    since: str
    error: str
    current: str
    stands: str


def answer_drift(path: Path, named: Path | None, ledger: Path = LEDGER) -> Answer:
    """Every stale form below ``path``; exit code 1 when one is stale on what is installed."""
    files = list_files(path)
    rows = {row.id: row for row in read_ledger(ledger)}
    installed, note = _installed(path, named)
    versions = dict(installed.versions) if installed else {}
    hits, unread = find_hits(files, list(rows.values()))
    found = [_stale(name, line, rows[row], versions) for name, line, row in hits]
    ruff = find_ruff(installed.executable if installed else "")
    told = {(one.path, one.line) for one in found}
    found += [one for one in _ask_ruff(ruff, files, versions) if (one.path, one.line) not in told] if ruff else []
    found.sort(key=lambda one: (one.path, one.line))
    data = {
        "root": str(files.root),
        "interpreter": installed.executable if installed else None,
        "versions": {name: version for name, version in versions.items() if name in DISTRIBUTIONS.values()},
        "rows": len(rows),
        "ruff": ruff,
        "notes": note,
        "stale": [asdict(one) for one in found],
        "unread": [asdict(one) for one in unread],
    }
    bad = any(one.stands != "not yet" for one in found)
    return Answer(data, list(_lines(files, data, found, unread)), CONTENT if bad else OK)


def find_hits(files: ProjectFiles, rows: list[Row]) -> tuple[list[tuple[str, int, str]], list[Unread]]:
    """File, line and row of everything that the ledger knows, and the files that cannot be read."""
    analysed, not_parsed = analyse_files(files.python, analyse_drift, TOOL_WORDS, Wanted(rows))
    hits = [(files.name(path), line, row) for path, some in analysed.items() for line, row in some]
    unread = [Unread(files.name(one.path), one.line, one.reason) for one in not_parsed.values()]
    patterns = patterns_of(rows)
    for path in files.others if patterns else ():
        if READ.search(path):
            try:
                hits += [(files.name(path), line, row) for line, row in analyse_text(Path(path), patterns)]
            except OSError as error:
                unread.append(Unread(files.name(path), 1, error.strerror or type(error).__name__))
    return hits, unread


def _installed(path: Path, named: Path | None) -> tuple[Installed | None, list[str]]:
    """What the project runs on. An interpreter that was found and does not answer is a note, one that was named an error."""
    try:
        return ask_installed(choose_interpreter(path, named).path), []
    except CannotLookError as error:
        if named:
            raise
        return None, [f"versions are not known: {error}"]


def _stale(name: str, line: int, row: Row, versions: Mapping[str, str]) -> Stale:
    return Stale(name, line, row.id, row.old, row.since, row.error, row.current, row.stands_at(versions))


def find_ruff(executable: str) -> str | None:
    """ruff beside the project's interpreter, beside this one, or on PATH."""
    for python in filter(None, (executable, sys.executable)):
        for name in ("ruff", "ruff.exe"):
            beside = Path(python).with_name(name)
            if beside.is_file():
                return str(beside)
    return shutil.which("ruff")


def _ask_ruff(ruff: str, files: ProjectFiles, versions: Mapping[str, str]) -> Iterator[Stale]:
    """What ruff's rules about Airflow 3 find; nothing when ruff is too old to know them."""
    options = ["--isolated", "--preview", "--no-cache", "--exit-zero", "--output-format", "json", "--select", RULES]
    done = subprocess.run([ruff, "check", *options, str(files.root)], stdin=subprocess.DEVNULL, capture_output=True)
    try:
        items = json.loads(done.stdout or b"[]")
    except ValueError:
        return
    version = versions.get("apache-airflow", "")
    stands = "not yet" if version.startswith(("1.", "2.")) else "stale" if version else "unknown"
    for item in items:
        if item.get("code") in RULES.split(","):
            name = files.name(os.path.abspath(item["filename"]))
            message = " ".join(item["message"].split())
            fix = " ".join(((item.get("fix") or {}).get("message") or "").split())
            yield Stale(name, item["location"]["row"], f"ruff {item['code']}", message, "3.0", "", fix, stands)


def _lines(files: ProjectFiles, data: Mapping[str, Any], found: list[Stale], unread: list[Unread]) -> Iterator[str]:
    shown = ", ".join(f"{name} {version}" for name, version in data["versions"].items()) or "none of the tools"
    yield f"{files.root}: {len(files.python)} Python files against {data['rows']} stale forms; installed: {shown}"
    for note in data["notes"]:
        yield f"note: {note}"
    if data["ruff"] is None:
        yield "note: ruff is not at hand, its rules about Airflow were not asked; or: uvx ruff check --preview --select AIR3"
    for one in found:
        since = f" since {one.since}" if one.since else ""
        later = f" (not yet on the installed version; stale{since})" if one.stands == "not yet" else since
        yield f"{one.path}:{one.line}: {one.old}{later} [{one.id}]"
        if one.error:
            yield f"    error: {one.error}"
        if one.current:
            yield f"    now:   {one.current}"
    yield f"{len(found)} stale forms" if found else "no stale form found; names and keywords: check.py FILE --python PATH"
    yield from lines_of_unread(unread)
