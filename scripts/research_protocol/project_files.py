"""Which files of a project are its own: no environments, no packages of others, nothing that was built."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .model import CannotLookError

SKIPPED = frozenset(
    {
        ".venv", "venv", "node_modules", ".git", "build", "dist", "__pycache__", "site-packages", "target",
        "dbt_packages", "dbt_modules", "htmlcov",
    }
)  # fmt: skip
READ_ALTHOUGH_HIDDEN = frozenset({".github"})


@dataclass
class ProjectFiles:
    """The files below ``root`` (absolute paths as text, in order), and how many folders of each name were passed by."""

    root: Path
    python: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def name(self, path: str) -> str:
        """The path as it is reported: from the project's root, with forward slashes."""
        return os.path.relpath(path, self.root if self.root.is_dir() else self.root.parent).replace(os.sep, "/")


def list_files(path: Path) -> ProjectFiles:
    """Every own file below ``path``, or ``path`` itself when it is a file. Links to folders are not followed."""
    root = path.expanduser().absolute()
    if not root.exists():
        raise CannotLookError(f"{path}: no such file or folder; name the project's root, or a file of it")
    found = ProjectFiles(root)
    if root.is_file():
        (found.python if root.suffix == ".py" else found.others).append(str(root))
        return found
    _walk(str(root), found)
    found.python.sort()
    found.others.sort()
    return found


def _walk(root: str, found: ProjectFiles) -> None:
    pending = [root]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            found.skipped["(unreadable)"] += 1
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            found.skipped["(virtual environment)"] += 1
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if _is_skipped(entry.name):
                    found.skipped[entry.name] += 1
                else:
                    pending.append(entry.path)
            elif entry.is_file():
                (found.python if entry.name.endswith(".py") else found.others).append(entry.path)


def _is_skipped(name: str) -> bool:
    hidden = name.startswith(".") and name not in READ_ALTHOUGH_HIDDEN
    return hidden or name in SKIPPED or name.endswith(".egg-info")
