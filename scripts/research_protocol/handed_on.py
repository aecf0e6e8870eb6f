"""Follow what a project's own modules hand on: ``from company.orchestration import asset`` is Dagster's asset."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

from .find_patterns import FileFindings

_IMPORTED_MODULE = re.compile(rb"^[ \t]*(?:from|import)[ \t]+([\w.]+)(?:[ \t]+import[ \t]+\(?([^\n#]*))?", re.MULTILINE)
LocalImport = tuple[int, str, str, str]


class Modules:
    """The project's modules that hold names of a tool; ``files`` maps a path from the root to its findings."""

    def __init__(self, files: Mapping[str, FileFindings]) -> None:
        self.exports = {path: one.exports for path, one in files.items() if one.exports}
        self.by_ending: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for path in sorted(self.exports):
            parts = module_parts(path)
            for start in range(len(parts)):
                self.by_ending[parts[start:]].append(path)

    def given_to(self, path: str, imports: Iterable[LocalImport]) -> dict[str, str]:
        """Local names of the file at ``path`` that stand for names of a tool, through modules of the project."""
        given: dict[str, str] = {}
        for level, module, name, here in imports:
            target = _absolute(path, level, module)
            exports = self._exports_of(target, bool(level))
            if name == "*":
                given |= exports
            elif name in exports:
                given[here] = exports[name]
            else:
                inner = self._exports_of((*target, name), bool(level))
                given |= {f"{here}.{export}": meaning for export, meaning in inner.items()}
        return given

    def _exports_of(self, parts: tuple[str, ...], exact: bool) -> dict[str, str]:
        """What the one module with this ending hands on; nothing where several modules end so."""
        paths = self.by_ending.get(parts, [])
        if exact:
            paths = [path for path in paths if module_parts(path) == parts]
        return self.exports[paths[0]] if len(paths) == 1 else {}

    def may_be_named_by(self, words: Set[str]) -> bool:
        """Whether a file with these imported words may import one of these modules: says yes too often, never too seldom."""
        return any((word,) in self.by_ending for word in words)


def imported_words(code: bytes) -> frozenset[str]:
    """The last names of the modules that a file imports, and the names that it takes from them, without parsing it."""
    words: set[bytes] = set()
    for module, names in _IMPORTED_MODULE.findall(code):
        words |= {module.rpartition(b".")[2], *re.findall(rb"\w+", names)}
    return frozenset(word.decode("ascii", "replace") for word in words)


def module_parts(path: str) -> tuple[str, ...]:
    """``src/company/orchestration.py`` as ``("src", "company", "orchestration")``; a package is its folder."""
    parts = tuple(path.removesuffix(".py").split("/"))
    return parts[:-1] if parts[-1] == "__init__" else parts


def _absolute(path: str, level: int, module: str) -> tuple[str, ...]:
    asked = tuple(module.split(".")) if module else ()
    folder: Sequence[str] = path.split("/")[:-1]
    if level:
        return (*folder[: len(folder) - (level - 1)], *asked)
    return asked
