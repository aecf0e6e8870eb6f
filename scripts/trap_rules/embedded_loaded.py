"""What the rules ask of a file of SQL, YAML or Python that no orchestrator loads. Nothing of it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .embedded_sql import Statement, Task, executed_in, resumed_in, statements_of, streams_of, tasks_of
from .embedded_yaml import Mapping, read_yaml
from .model import Place, Trap

_SIZE = 1 << 20  # bytes; a larger file is data
_FOREIGN = ("site-packages", "node_modules", "venv", "__pycache__")
_SQL, _YAML, _PYTHON = (".sql",), (".yml", ".yaml"), (".py",)
_RESUMING = (*_SQL, *_YAML, *_PYTHON, ".sh", ".jinja", ".j2")
_HINTS = {".sql": ("task", "stream"), ".py": ("sleep",), ".yml": ("jobs",), ".yaml": ("jobs",)}


@dataclass(frozen=True)
class Project:
    """What other files of a project say of tasks and streams, read once for all its files."""

    root: Path

    @cached_property
    def resumed(self) -> list[tuple[str, set[str], set[str]]]:
        """Path, tasks that are resumed or started, and tasks that are made, of each file that resumes or starts any."""
        texts = [(file, _text(file)) for file in _below(self.root) if file.suffix in _RESUMING]
        found = [(str(file), {*resumed_in(text), *executed_in(text)}, text) for file, text in texts if "task" in text.lower()]
        return [(path, names, {task.name for task in tasks_of(statements_of(text))}) for path, names, text in found if names]

    @cached_property
    def streams(self) -> dict[str, bool]:
        """Every stream that a SQL file makes, and whether it holds inserts only."""
        texts = [_text(file) for file in _below(self.root) if file.suffix in _SQL]
        made = [streams_of(statements_of(text)) for text in texts if "stream" in text.lower()]
        return {name: append for found in made for name, (_, _, append) in found.items()}


@dataclass(frozen=True)
class Loaded:
    """One file, and the project in which others, such as those that resume its tasks, are sought."""

    path: str
    project: Project

    @property
    def whole_file(self) -> Place:
        return Place(self.path, 1, 1, 1)

    @cached_property
    def text(self) -> str:
        return _text(Path(self.path))

    @cached_property
    def statements(self) -> list[Statement]:
        """Those of a SQL file; none of any other."""
        return statements_of(self.text) if self.path.endswith(_SQL) else []

    @cached_property
    def tasks(self) -> list[Task]:
        return tasks_of(self.statements)

    @cached_property
    def streams(self) -> dict[str, bool]:
        """Streams of the file and the project, and whether each holds inserts only."""
        return self.project.streams | {name: append for name, (_, _, append) in streams_of(self.statements).items()}

    @cached_property
    def resumed_elsewhere(self) -> set[str]:
        """Tasks that a file resumes which makes none of that name."""
        files = [(names, made) for path, names, made in self.project.resumed if path != self.path]
        return {name for names, made in files for name in names if name.rstrip("*") not in made}

    @cached_property
    def document(self) -> Mapping | None:
        """That of a YAML file, when it is a mapping. Raises ImportError where PyYAML is missing."""
        found = read_yaml(Path(self.path)) if self.path.endswith(_YAML) else None
        return found if isinstance(found, Mapping) else None

    @cached_property
    def tree(self) -> ast.Module | None:
        """That of a Python file that parses."""
        try:
            return ast.parse(self.text) if self.path.endswith(_PYTHON) else None
        except (SyntaxError, ValueError):
            return None

    def at_statement(self, statement: Statement, subject: str) -> Trap:
        return Trap(Place(self.path, statement.first, statement.first, statement.last), subject)

    def at_line(self, line: int, subject: str) -> Trap:
        return Trap(Place(self.path, line, line, line), subject)


def is_worth_a_look(file: Path) -> bool:
    """Whether a file can hold what a rule is about, by its name and a word of it."""
    words = _HINTS.get(file.suffix, ())
    text = _text(file).lower() if words else ""
    return any(word in text for word in words)


def files_of(path: Path) -> list[str]:
    """The files of a project that are worth a look, or the one that is named."""
    return [str(file) for file in _below(path) if is_worth_a_look(file)]


def _below(path: Path) -> Iterator[Path]:
    """Files of a project; a hidden folder is another's, but `.github` is not."""
    if path.is_file():
        yield path
        return
    for entry in sorted(path.iterdir()):
        hidden = entry.name.startswith(".") and entry.name != ".github"
        if entry.is_dir() and not entry.is_symlink() and not hidden and entry.name not in _FOREIGN:
            yield from _below(entry)
        elif entry.is_file() and not hidden:
            yield entry


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace") if file.stat().st_size <= _SIZE else ""
    except OSError:
        return ""


def load_file(path: Path, project: Project) -> Loaded:
    """The file, read when a rule asks."""
    return Loaded(str(path), project)
