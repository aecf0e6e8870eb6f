"""`patterns`: what a code base already defines with the tools, so that new code follows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .find_patterns import FileFindings, analyse_patterns
from .handed_on import Modules, imported_words
from .model import CONTENT, OK, Answer, Found, Unread
from .project_documents import find_documents
from .project_files import ProjectFiles, list_files
from .python_sources import ANYTHING, TOOL_WORDS, analyse_files

ROUNDS = 6  # each module that a name passes through takes one or two
SHOWN = 12  # of one kind, for a reader; --json and --all give every one


def answer_patterns(path: Path, show_all: bool = False) -> Answer:
    """Everything found below ``path``; exit code 1 when there is nothing."""
    files = list_files(path)
    by_file, unread = read_python(files)
    found = [finding for name in sorted(by_file, key=_tests_last) for finding in by_file[name].found]
    documents, unread_documents = find_documents(files)
    found += documents
    unread += unread_documents
    own = {name.rpartition("/")[2].removesuffix(".py") for name in map(files.name, files.python)}
    styles = Counter(style for one in by_file.values() for style in one.import_styles if _module_of(style) not in own)
    data = {
        "root": str(files.root),
        "python_files": len(files.python),
        "python_files_with_tools": len(by_file),
        "skipped_folders": dict(files.skipped),
        "counts": _counts(found),
        "import_styles": dict(styles.most_common()),
        "found": [asdict(finding) for finding in found],
        "unread": [asdict(one) for one in unread],
    }
    return Answer(data, list(_lines(data, found, unread, show_all)), OK if found else CONTENT)


def read_python(files: ProjectFiles) -> tuple[dict[str, FileFindings], list[Unread]]:
    """Findings by file name, with what the project's own modules hand on resolved."""
    by_path: dict[str, FileFindings]
    by_path, unread = analyse_files(files.python, analyse_patterns, TOOL_WORDS, None)
    silent = [path for path in files.python if path not in by_path and path not in unread]
    words = _imported_words(silent) if by_path and silent else {}
    given: dict[str, dict[str, str]] = {}
    for _ in range(ROUNDS):
        modules = Modules({files.name(path): one for path, one in by_path.items()})
        again = _given(files, by_path, modules, given)
        new = [path for path, some in words.items() if path not in by_path and modules.may_be_named_by(some)]
        if not again and not new:
            break
        given |= again
        more, more_unread = analyse_files([*again, *new], analyse_patterns, ANYTHING, given)
        by_path |= more
        unread |= more_unread
        words = {path: some for path, some in words.items() if path not in more_unread}
    named = {files.name(path): _renamed(one, files.name(path)) for path, one in by_path.items() if one.found or one.import_styles}
    return named, [Unread(files.name(one.path), one.line, one.reason) for one in unread.values()]


def _given(
    files: ProjectFiles, by_path: dict[str, FileFindings], modules: Modules, known: dict[str, dict[str, str]]
) -> dict[str, dict[str, str]]:
    """What files get through modules of the project, where that has changed."""
    new = {path: modules.given_to(files.name(path), one.local_imports) for path, one in by_path.items() if one.local_imports}
    return {path: names for path, names in new.items() if names and names != known.get(path)}


def _imported_words(paths: Iterable[str]) -> dict[str, frozenset[str]]:
    """What files that mention no tool import, by path."""
    found = {}
    for path in paths:
        try:
            found[path] = imported_words(Path(path).read_bytes())
        except OSError:
            continue
    return found


def _renamed(one: FileFindings, name: str) -> FileFindings:
    one.found = [Found(f.tool, f.kind, f.name, name, f.line, f.detail) for f in one.found]
    return one


def _tests_last(name: str) -> tuple[bool, str]:
    """What runs in production is what new code follows."""
    base = name.rpartition("/")[2]
    return base.startswith("test_") or base == "conftest.py" or "tests/" in name, name


def _module_of(style: str) -> str:
    """The top module of an import style: a project may have a file that is called like a package of a tool."""
    return style.split()[1].partition(".")[0]


def _counts(found: list[Found]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for finding in found:
        kinds = counts.setdefault(finding.tool, {})
        kinds[finding.kind] = kinds.get(finding.kind, 0) + 1
    return counts


def _lines(data: dict[str, Any], found: list[Found], unread: list[Unread], show_all: bool) -> Iterable[str]:
    with_tools, total = data["python_files_with_tools"], data["python_files"]
    yield f"{data['root']}: {total} Python files, {with_tools} with a tool"
    if not found:
        yield "nothing of Dagster, Airflow, Prefect, dlt or dbt found; is this the root of the project?"
    for style, count in list(data["import_styles"].items())[:8]:
        yield f"  imported as: {style} ({count} files)"
    grouped: dict[tuple[str, str], list[Found]] = {}
    for finding in found:
        grouped.setdefault((finding.tool, finding.kind), []).append(finding)
    for (tool, kind), some in sorted(grouped.items()):
        yield f"{tool} {kind}: {len(some)}"
        for finding in some if show_all else some[:SHOWN]:
            yield f"  {finding.place}: {finding.name}" + (f"  {finding.detail}" if finding.detail else "")
        if len(some) > SHOWN and not show_all:
            yield f"  ... and {len(some) - SHOWN} more; --all or --json lists them"
    yield from lines_of_unread(unread)


def lines_of_unread(unread: list[Unread]) -> Iterable[str]:
    """Files that were passed over, so that nothing is left out in silence."""
    if unread:
        yield f"not read: {len(unread)} files"
    for one in unread:
        yield f"  {one.path}:{one.line}: {one.reason}"
