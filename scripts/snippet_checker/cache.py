"""Remember results by content: the same snippet, lock, Python and checker need not be run again. SQLite."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from .environments import ROOT, lock_hash
from .judge import ENDED
from .model import Check, Finding, Language, Level, Marks, Result, Snippet, folders_beside

HERE = Path(__file__).resolve().parent


@cache
def checker_version() -> str:
    """SHA-256 over the checker's own source: another checker, other results."""
    digest = hashlib.sha256(str(sys.version_info[:3]).encode())
    for path in sorted(HERE.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def kept_folder(tool: str) -> Path:
    """Where what starts of a tool's warm process may reuse is kept: learned modules, a migrated database."""
    return ROOT / ".cache" / f"{tool}-{lock_hash(tool)[:12]}-{probe_version(tool)}"


def kept_folder_of(tool: str, python: Path) -> Path:
    """The same for an interpreter of the user's, until a package is installed there or removed."""
    packages = [place for place in python.parent.parent.glob("[Ll]ib*/**/site-packages") if place.is_dir()]
    identity = "\n".join([str(python), *(str(place.stat().st_mtime_ns) for place in packages)])
    return ROOT / ".cache" / f"{tool}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}-{probe_version(tool)}"


def probe_version(tool: str) -> str:
    """A hash of the probe: another probe learns other modules."""
    return hashlib.sha256((HERE / f"probe_{tool}.py").read_bytes()).hexdigest()[:12]


def check_key(check: Check, environment: str, folders: dict[str, bytes] | None = None) -> str:
    """What the result of ``check`` depends on, as one hash. ``environment`` is the hash of the tool's lock.

    ``folders`` keeps the hashes of folders that many checks lie in, from one key to the next.
    """
    folders = {} if folders is None else folders
    snippet = check.snippet
    asked = [check.source, check.tool, check.level, snippet.language, snippet.line, snippet.page, check.strict]
    asked += [
        json.dumps(asdict(snippet.marks), default=str, sort_keys=True),
        environment,
        lock_hash("tooling"),
        checker_version(),
    ]
    digest = hashlib.sha256(json.dumps(asked).encode())
    for folder in [*([snippet.folder] if snippet.folder else []), *folders_beside(check)]:
        if str(folder) not in folders:
            folders[str(folder)] = _digest_of(Path(folder))
        digest.update(folders[str(folder)])
    return digest.hexdigest()


def _digest_of(folder: Path) -> bytes:
    digest = hashlib.sha256()
    for path in _files_of(folder):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.digest()


def _files_of(folder: Path) -> Iterable[Path]:
    """What an example may read: everything in its folder but what is hidden or built."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "__pycache__")) or part in ("target", "logs") for part in inner):
            yield path


class Cache:
    """Results and parsed pages in one SQLite file. A damaged file is started anew: it holds nothing of value."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.database = self._open(path)
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            self.database = self._open(path)

    def _open(self, path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path, timeout=10)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=OFF")
        database.execute("CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, value TEXT)")
        database.execute("CREATE TABLE IF NOT EXISTS pages (key TEXT PRIMARY KEY, value TEXT)")
        return database

    def results(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The stored results among ``keys``."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            marks = ",".join("?" * len(part))
            rows = self.database.execute(f"SELECT key, value FROM results WHERE key IN ({marks})", part)
            found |= {key: json.loads(value) for key, value in rows}
        return found

    def keep(self, key: str, result: Result) -> None:
        """Store a result. One that hangs on the machine's mood (a time limit, a kill) is not stored."""
        if any(finding.kind == ENDED for finding in result.findings):
            return
        value = {
            "passed": result.passed,
            "level": result.level,
            "findings": [asdict(finding) for finding in result.findings],
            "output": result.output[-2000:] if not result.passed else "",
            "seconds": result.seconds,
        }
        with self.database:
            self.database.execute("REPLACE INTO results VALUES (?, ?)", (key, json.dumps(value)))

    def snippets(self, page: Path, name: str, foreign: bool) -> list[Snippet]:
        """The snippets of a page, parsed only when its bytes, or the parser, changed."""
        from .parse import read_snippets

        key = hashlib.sha256(page.read_bytes() + f"{name}{foreign}{checker_version()}".encode()).hexdigest()
        row = self.database.execute("SELECT value FROM pages WHERE key = ?", (key,)).fetchone()
        if row:
            return [_snippet(value) for value in json.loads(row[0])]
        snippets = read_snippets(page, name, foreign)
        with self.database:
            self.database.execute("REPLACE INTO pages VALUES (?, ?)", (key, json.dumps([asdict(s) for s in snippets])))
        return snippets

    def close(self) -> None:
        """Write what is pending."""
        with contextlib.suppress(sqlite3.Error):
            self.database.close()


def restore(check: Check, value: dict[str, Any]) -> Result:
    """A stored result as the result of ``check``."""
    findings = tuple(Finding(**finding) for finding in value["findings"])
    level = Level(value["level"]) if value["level"] else None
    return Result(check, value["passed"], level, findings, value["output"], value["seconds"], cached=True)


def _snippet(value: dict[str, Any]) -> Snippet:
    marks = value["marks"]
    marks["uses"] = tuple(marks["uses"])
    marks["level"] = Level(marks["level"]) if marks["level"] else None
    value["marks"] = Marks(**marks)
    value["language"] = Language(value["language"])
    value["problems"] = tuple(Finding(**problem) for problem in value["problems"])
    return Snippet(**value)
