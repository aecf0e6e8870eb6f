"""What the files of one project say in their text: DAGs, and connections in env and compose files.

Read once, before the files are loaded. Standard library only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .airflow_loaded import dag_id_of
from .model import Place
from .sources import FunctionNode, called_name, calls_in, keyword_of

_dags: dict[str, list[NamedDag]] = {}
_connections: list[NamedConnection] = []
_SETTING = re.compile(r"""\s*(?:-\s+|export\s+)?["']?(AIRFLOW_CONN_\w+)["']?\s*[=:]\s*(.+)""")
_ENVIRONMENTS = (".env", ".env.*", "*.env", "docker-compose*.y*ml", "compose*.y*ml")


@dataclass(frozen=True)
class NamedDag:
    """A DAG as its file writes it: ``schedule`` only where it is a text."""

    path: str
    schedule: str | None


@dataclass(frozen=True)
class NamedConnection:
    """A connection as an env or compose file writes it."""

    place: Place
    name: str
    uri: str


def read_index(files: Iterable[str], root: Path) -> None:
    """Read the ids of all files; forks made later know them."""
    for file in files:
        try:
            tree = ast.parse(Path(file).read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError):
            continue
        for dag_id, schedule in _dags_in(tree):
            _dags.setdefault(dag_id, []).append(NamedDag(file, schedule))
    for folder in _folders(files, root if root.is_dir() else root.parent):
        for pattern in _ENVIRONMENTS:
            _connections.extend(one for file in sorted(folder.glob(pattern)) for one in _connections_in(file))


def _folders(files: Iterable[str], root: Path) -> list[Path]:
    """Those of the files and all above them in the project; of a bare `dags` folder also the repository around it."""
    found = {parent for file in files for parent in Path(file).parents if parent == root or root in parent.parents}
    around = any((root.parent / name).exists() for name in (".git", "pyproject.toml", "docker-compose.yaml"))
    return sorted(found | ({root.parent} if around else set()))


def _connections_in(file: Path) -> Iterable[NamedConnection]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for number, line in enumerate(lines, start=1):
        if match := _SETTING.match(line):
            uri = re.split(r"\s+#", match[2].strip())[0].strip().strip("\"'")
            if uri and "${" not in uri and "{{" not in uri and not uri.startswith("$"):  # what is filled in later is not seen
                yield NamedConnection(Place(str(file), number, number, number), match[1], uri)


def known_connections() -> list[NamedConnection]:
    """The connections that env and compose files of the project write as text."""
    return _connections


def known_dags(dag_id: str) -> list[NamedDag]:
    """The DAGs of one id, in all files."""
    return _dags.get(dag_id, [])


def _dags_in(tree: ast.Module) -> Iterable[tuple[str, str | None]]:
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode) and (dag_id := dag_id_of(node)):
            calls = [one for one in node.decorator_list if isinstance(one, ast.Call) and called_name(one) == "dag"]
            yield dag_id, _text(keyword_of(calls[0], "schedule")) if calls else None
    for call in calls_in(tree):
        named = keyword_of(call, "dag_id") or next(iter(call.args), None)
        if called_name(call) == "DAG" and (dag_id := _text(named)):
            yield dag_id, _text(keyword_of(call, "schedule"))


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
