"""The DAGs that the files of one project name in their text, read once before the files are loaded. Standard library only."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .airflow_loaded import dag_id_of
from .sources import FunctionNode, called_name, calls_in, keyword_of

_dags: dict[str, list[NamedDag]] = {}


@dataclass(frozen=True)
class NamedDag:
    """A DAG as its file writes it: ``schedule`` only where it is a text."""

    path: str
    schedule: str | None


def read_index(files: Iterable[str]) -> None:
    """Read the ids of all files; forks made later know them."""
    for file in files:
        try:
            tree = ast.parse(Path(file).read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError):
            continue
        for dag_id, schedule in _dags_in(tree):
            _dags.setdefault(dag_id, []).append(NamedDag(file, schedule))


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
