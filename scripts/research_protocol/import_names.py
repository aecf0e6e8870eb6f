"""What the names of a Python file stand for: imports, their aliases, and plain re-naming, by AST."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

TOOL_OF_ROOT = {
    "dagster": "dagster", "airflow": "airflow", "cosmos": "airflow", "prefect": "prefect", "dlt": "dlt", "dbt": "dbt",
    "databricks": "databricks", "snowflake": "snowflake",
}  # fmt: skip
TOOL_OF_PREFIX = {"dagster_": "dagster", "prefect_": "prefect", "airflow_": "airflow"}


def tool_of(qualified: str) -> str | None:
    """The tool whose package a dotted name belongs to: ``dagster_dbt.dbt_assets`` is Dagster's."""
    root = qualified.partition(".")[0]
    if root in TOOL_OF_ROOT:
        return TOOL_OF_ROOT[root]
    if qualified.startswith("pyspark.pipelines"):
        return "databricks"
    return next((tool for prefix, tool in TOOL_OF_PREFIX.items() if root.startswith(prefix)), None)


Nodes = Mapping[type, list[Any]]
_LEAVES = (ast.Name, ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)
_FIELDS: dict[type, tuple[str, ...]] = {}


def nodes_by_type(tree: ast.AST) -> Nodes:
    """Every node but names and operators, by its type and from the outside in: a fourth of the time of ``ast.walk``."""
    found: defaultdict[type, list[Any]] = defaultdict(list)
    pending: list[ast.AST] = [tree]
    for node in pending:  # grows while it is read
        kind = type(node)
        found[kind].append(node)
        for field in _FIELDS[kind] if kind in _FIELDS else _fields_with_children(kind):
            value = getattr(node, field, None)
            if type(value) is list:
                pending += [item for item in value if item.__class__ not in _NO_CHILDREN]
            elif value is not None and value.__class__ not in _NO_CHILDREN:
                pending.append(value)
    return found


def _fields_with_children(kind: type) -> tuple[str, ...]:
    plain = {"ctx", "op", "ops", "id", "attr", "arg", "type_comment", "type_ignores", "lineno", "kind", "conversion", "level"}
    if kind in (ast.Constant, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal):
        _FIELDS[kind] = ()
    else:
        names: tuple[str, ...] = getattr(kind, "_fields", ())
        _FIELDS[kind] = tuple(name for name in names if name not in plain)
    return _FIELDS[kind]


_NO_CHILDREN = frozenset(
    {str, int, type(None), bool, ast.Name, ast.alias} | {kind for leaf in _LEAVES for kind in (leaf, *leaf.__subclasses__())}
)


class Names:
    """What the names of one file stand for, whatever scope they are in.

    ``given`` adds what the project's own modules hand on: local name to dotted name.
    """

    def __init__(self, nodes: Nodes, given: dict[str, str] | None = None) -> None:
        self.bound: dict[str, str] = {}
        self.stars: list[str] = []
        self.local_imports: list[tuple[int, str, str, str]] = []  # dots, module, name, name here
        for node in nodes.get(ast.Import, ()):
            self._take_import(node)
        for node in nodes.get(ast.ImportFrom, ()):
            self._take_import_from(node)
        self.bound |= given or {}
        self.has_tool = bool(self.stars) or any(tool_of(meaning) for meaning in self.bound.values())
        for node in nodes.get(ast.Assign, ()) if self.has_tool else ():
            if len(node.targets) == 1:
                self._take_renaming(node.targets[0], node.value)

    def _take_import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.bound[name] = alias.name if alias.asname else name

    def _take_import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for alias in node.names:
            if node.level or tool_of(module) is None:
                self.local_imports.append((node.level, module, alias.name, alias.asname or alias.name))
            if node.level:
                continue
            if alias.name == "*":
                self.stars.append(module)
                continue
            self.bound[alias.asname or alias.name] = f"{module}.{alias.name}"

    def _take_renaming(self, target: ast.expr, value: ast.expr) -> None:
        """``asset = dg.asset`` and ``daily = functools.partial(dg.asset, group_name="daily")`` keep their meaning."""
        if not isinstance(target, ast.Name):
            return
        if isinstance(value, ast.Call) and value.args and self.qualified(value.func) in ("functools.partial", "partial"):
            value = value.args[0]
        meaning = self.qualified(value) if isinstance(value, (ast.Name, ast.Attribute)) else None
        if meaning and tool_of(meaning):
            self.bound.setdefault(target.id, meaning)

    def qualified(self, node: ast.AST | None) -> str | None:
        """The dotted name that an expression stands for, or None: ``dg.asset`` after ``import dagster as dg``."""
        if isinstance(node, ast.Name):
            if node.id in self.bound:
                return self.bound[node.id]
            return f"{self.stars[0]}.{node.id}" if self.stars else None
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and (dotted := self.bound.get(f"{node.value.id}.{node.attr}")):
                return dotted
            owner = self.qualified(node.value)
            return f"{owner}.{node.attr}" if owner else None
        return None
