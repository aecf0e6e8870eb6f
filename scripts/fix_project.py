"""Mechanical fixes of findings in a project: printed as a patch, and applied only where a run has proved the result.

Three sources: ruff's fixes of its Airflow rules, the ledger's moved imports and renamed keywords, and the few traps whose
fix leaves nothing to decide. Standard library only; ruff is used where it is found.
"""

from __future__ import annotations

import ast
import difflib
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from find_traps import shown
from research_protocol.drift import RULES, find_ruff
from research_protocol.drift_ledger import read_ledger
from research_protocol.import_names import nodes_by_type
from research_protocol.match_rows import Wanted, analyse_drift
from trap_rules.ignore_comments import read_ignore_comments
from trap_rules.model import Finding
from trap_rules.reports import is_rule

Edit = tuple[int, int, str]  # start and end, in characters of the source, and what stands there afterwards
_MOVED = re.compile(r"from ([\w.]+) import (\w+)")
_SAID = re.compile(r"The `([\w.]+)\.(\w+)` attribute is deprecated\. Please use `'([\w.]+)\.(\w+)'`")
_RENAMED = re.compile(r"[^(]*\((?:[^=]*, )?(\w+)=(?:\.\.\.|True)\)")
_NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "venv", "node_modules", "__pycache__", ".tox", "target")


def propose(findings: Iterable[Finding], ruff_beside: str) -> dict[str, str]:
    """The mended source of each Python file that has findings and a mechanical fix for one of them."""
    by_file: dict[str, list[Finding]] = {}
    for one in findings:
        if one.path.endswith(".py"):
            by_file.setdefault(one.path, []).append(one)
    mended = {path: mend(Path(path).read_text(encoding="utf-8"), own, ruff_beside) for path, own in by_file.items()}
    return {path: source for path, source in mended.items() if source != Path(path).read_text(encoding="utf-8")}


def mend(source: str, findings: Sequence[Finding], ruff_beside: str) -> str:
    """The source after every fix that applies; unchanged where it cannot be parsed, nothing does, or a comment keeps it."""
    kinds = {one.id for one in findings}
    trapped = {one.line for one in findings if one.id == "A009"}
    source = _edited(source, partial(_tags_as_list, lines=trapped))  # first: the lines are those of the source as it was
    if all(map(is_rule, kinds)):
        return source
    if any(kind.startswith("AIR") or kind == "DeprecatedImportWarning" for kind in kinds) and not _kept_lines(source):
        source = _mended_by_ruff(source, ruff_beside)
    source = _edited(source, partial(_moved_imports, moves={**_moves(), **_said(findings)}))
    return _edited(source, _renamed_keywords)


def _edited(source: str, find: Callable[[str, ast.Module], Iterator[Edit]]) -> str:
    try:
        edits = list(find(source, ast.parse(source)))
    except (SyntaxError, ValueError):
        return source
    for start, end, text in sorted(edits, reverse=True):
        source = source[:start] + text + source[end:]
    return source


def _kept_lines(source: str) -> set[int]:
    """Lines on which a comment with its reason keeps the finding of a name quiet."""
    comments = [one for one in read_ignore_comments(source) if one.reason and not all(map(is_rule, one.ids))]
    return {line for one in comments for line in one.lines}


def _mended_by_ruff(source: str, beside: str) -> str:
    ruff = find_ruff(beside)
    if ruff is None:
        return source
    command = [
        ruff,
        "check",
        "--isolated",
        "--preview",
        "--no-cache",
        "--exit-zero",
        "--select",
        RULES,
        "--fix",
        "--unsafe-fixes",
    ]
    done = subprocess.run([*command, "--quiet", "-"], input=source, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 and done.stdout.strip() else source


@cache
def _moves() -> Mapping[tuple[str, str], str]:
    """(module, name) of an import that has moved, to the module that holds the same name now."""
    moves: dict[tuple[str, str], str] = {}
    for row in read_ledger():
        current = _MOVED.fullmatch(row.current)
        for match in row.matches if current and row.kind == "import" else ():
            module, _, name = str(match.get("name", "")).rpartition(".")
            old = (module, name) if current and name == current[2] else (str(match.get("name")), current[2] if current else "")
            moves[old] = current[1] if current else ""
    return moves


def _said(findings: Iterable[Finding]) -> dict[tuple[str, str], str]:
    """The moves that Airflow's own warnings name, where the name itself stays."""
    told = (_SAID.search(one.message) for one in findings)
    return {(one[1], one[2]): one[3] for one in told if one and one[2] == one[4]}


@cache
def _renames() -> Mapping[str, tuple[str, str]]:
    """Row of the ledger to the keyword as it was and as it is, where nothing else changes."""
    pairs = {
        row.id: (_RENAMED.fullmatch(row.old), _RENAMED.fullmatch(row.current)) for row in read_ledger() if row.kind == "keyword"
    }
    return {name: (old[1], new[1]) for name, (old, new) in pairs.items() if old and new}


def _moved_imports(source: str, tree: ast.Module, moves: Mapping[tuple[str, str], str]) -> Iterator[Edit]:
    kept = _kept_lines(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.level or not node.module or node.lineno in kept:
            continue
        start, end = _span(source, node)
        moved: dict[str, list[ast.alias]] = {}
        for alias in node.names:
            moved.setdefault(moves.get((node.module, alias.name), node.module), []).append(alias)
        if list(moved) != [node.module] and "#" not in source[start:end]:
            indent = " " * node.col_offset
            lines = [f"from {module} import {', '.join(map(ast.unparse, names))}" for module, names in moved.items()]
            yield start, end, f"\n{indent}".join(lines)


def _renamed_keywords(source: str, tree: ast.Module) -> Iterator[Edit]:
    rows = [row for row in read_ledger() if row.id in _renames()]
    kept = _kept_lines(source)
    hits = {(at, _renames()[row]) for at, row in analyse_drift("", nodes_by_type(tree), Wanted(rows)) if at not in kept}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call, keyword in [(one, keyword) for one in calls for keyword in one.keywords]:
        for line, (old, new) in hits:
            if keyword.arg == old and line in (keyword.lineno, call.lineno):
                start = _offset(source, keyword.lineno, keyword.col_offset)
                yield start, start + len(old), new


def _tags_as_list(source: str, tree: ast.Module, lines: set[int]) -> Iterator[Edit]:
    """The tags of the calls that the findings name, and of no other: a comment may say that its letters are meant."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not lines & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
            continue
        for keyword in node.keywords:
            if keyword.arg == "tags" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                start, end = _span(source, keyword.value)
                yield start, end, f"[{source[start:end]}]"


def _span(source: str, node: ast.stmt | ast.expr) -> tuple[int, int]:
    first = _offset(source, node.lineno, node.col_offset)
    return first, _offset(source, node.end_lineno or node.lineno, node.end_col_offset or 0)


def _offset(source: str, line: int, column: int) -> int:
    """Characters before a place that the syntax tree gives in lines and bytes."""
    lines = source.splitlines(keepends=True)
    before = lines[line - 1].encode()[:column].decode(errors="ignore")
    return sum(map(len, lines[: line - 1])) + len(before)


def patch(proposals: Mapping[str, str], root: Path) -> str:
    """The proposals as one unified patch for the working directory, or for ``root`` where that lies elsewhere."""
    parts: list[str] = []
    for path, source in proposals.items():
        before = Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
        name = _within(path, root) if os.path.isabs(path) else Path(path).as_posix()
        parts += difflib.unified_diff(before, source.splitlines(keepends=True), f"a/{name}", f"b/{name}")
    return "".join(part if part.endswith("\n") else f"{part}\n\\ No newline at end of file\n" for part in parts)


def apply_proved(
    root: Path,
    proposals: Mapping[str, str],
    before: Sequence[Finding],
    look: Callable[[Path], Sequence[Finding]],
    below: str = "project",
) -> tuple[list[str], list[Finding]]:
    """Write the proposals whose result a run has proved; a line per file that says what was done or why not; what is left.

    ``look`` checks a folder as the project was checked; ``below`` is the project's path in the temporary folder. The proof:
    in a copy of ``root`` with these proposals and no other, each of the files has fewer findings than before, none of them
    new, and no other file has a new one. What fails it is taken out, and the rest is proved again.
    """
    chosen, told, left = dict(proposals), [], list(before)
    while chosen:
        after = _look_at_copy(root, chosen, look, below)
        if not (refused := _refused(chosen, before, after)):
            left = after
            break
        told += [f"{path}: not fixed: {why}" for path, why in refused.items()]
        chosen = {path: source for path, source in chosen.items() if path not in refused}
    for path, source in chosen.items():
        Path(path).write_text(source, encoding="utf-8")
        gone = sum(one.path == path for one in before) - sum(one.path == path for one in left)
        told.append(f"{path}: fixed, {gone} gone; the copy that was checked has nothing new")
    return told, left


def _look_at_copy(
    root: Path, proposals: Mapping[str, str], look: Callable[[Path], Sequence[Finding]], below: str
) -> list[Finding]:
    """What a copy of the project with the proposals has, told with the paths of the project."""
    with tempfile.TemporaryDirectory(prefix="fix-project-") as folder:
        copy = Path(folder, below)
        shutil.copytree(root, copy, ignore=_NOT_COPIED, symlinks=True)
        for path, source in proposals.items():
            (copy / _within(path, root)).write_text(source, encoding="utf-8")
        return [_as_in(root, copy, one) for one in look(copy)]


def _as_in(root: Path, copy: Path, finding: Finding) -> Finding:
    own = shown(str(root.absolute() / _within(finding.path, copy)))
    return replace(finding, path=own, message=finding.message.replace(str(copy), str(root.absolute())))


def _refused(proposals: Mapping[str, str], before: Sequence[Finding], after: Sequence[Finding]) -> dict[str, str]:
    """The proposals that did not prove themselves, each with the reason. A new finding elsewhere speaks against all."""
    known, now = (Counter((one.path, one.id, one.message) for one in findings) for findings in (before, after))
    new = list(now - known)
    elsewhere = [key for key in new if key[0] not in proposals]
    refused = {}
    for path in proposals:
        against = next(iter([*(key for key in new if key[0] == path), *elsewhere]), None)
        if against:
            refused[path] = f"{against[0]} would have {against[1]}: {against[2]}"
        elif sum(one.path == path for one in after) >= sum(one.path == path for one in before):
            refused[path] = "nothing would be gone"
    return refused


def _within(path: str, root: Path) -> str:
    return Path(path).resolve().relative_to(root.resolve()).as_posix()
