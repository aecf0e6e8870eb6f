"""Find the pages and example files that belong to the paths a user names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

PAGE_SUFFIXES = (".md", ".mdx", ".markdown")
ENTRY_FILES = {"dagster": "definitions.py", "airflow": "dag.py", "prefect": "flow.py", "embedded": "pipeline.py"}
SKIPPED_FOLDERS = {"node_modules", "__pycache__", "target", "site", "dist", "venv"}


class MissingPathError(Exception):
    """A path that the user named does not exist, or holds nothing that can be checked."""


def find_pages(paths: Iterable[Path]) -> list[Path]:
    """Every Markdown page at or below ``paths``, each once, sorted; hidden and built folders are left out.

    Raises MissingPathError for a path that does not exist.
    """
    return _find(paths, lambda path: path.suffix in PAGE_SUFFIXES)


def find_entry_files(paths: Iterable[Path]) -> list[Path]:
    """Every entry file of an example (``examples/<tool>/<pattern>/<entry file of the tool>``) below ``paths``."""
    return _find(paths, lambda path: example_tool(path) is not None)


def example_tool(path: Path) -> str | None:
    """The tool whose example ``path`` is the entry file of, or None."""
    if path.name not in ENTRY_FILES.values():
        return None
    parts = path.resolve().parts
    if len(parts) < 4 or parts[-4] != "examples":
        return None
    return parts[-3] if ENTRY_FILES.get(parts[-3]) == path.name else None


def _find(paths: Iterable[Path], wanted: Callable[[Path], bool]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise MissingPathError(f"{path}: no such file or folder; check the path, or run from the repository's root")
        files = [path] if path.is_file() else sorted(_files_below(path))
        found.update(dict.fromkeys(file for file in files if wanted(file)))
    return list(found)


def _files_below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith(".")]
        yield from (Path(root) / name for name in files)
