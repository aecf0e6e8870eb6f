"""What one Python file defines and uses of the tools: decorated functions, calls, classes, connections."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .import_names import Names, Nodes, tool_of
from .model import Found
from .pattern_tables import SHOWN_KEYWORDS, kind_of, kind_of_base

CONNECTION_GETTERS = {"get_connection": "connection", "Connection.get": "connection", "Variable.get": "variable"}
DEPLOYING = ("serve", "deploy", "to_deployment")
NAMED_BY_VARIABLE = (
    "resource",
    "IO manager",
    "partitions",
    "dlt source",
    "dlt destination",
    "definitions",
    "automation condition",
)
NAME_KEYWORDS = ("name", "dag_id", "task_id", "group_id", "pipeline_name", "uri")


@dataclass
class FileFindings:
    """What one file holds, and what it hands on to modules that import from it."""

    found: list[Found] = field(default_factory=list)
    import_styles: list[str] = field(default_factory=list)
    exports: dict[str, str] = field(default_factory=dict)
    local_imports: list[tuple[int, str, str, str]] = field(default_factory=list)


def analyse_patterns(path: str, nodes: Nodes, given: Any) -> FileFindings:
    """``given`` holds, by path, the names that the project's own modules hand on to a file."""
    names = Names(nodes, given.get(path) if given else None)
    if not names.has_tool:
        return FileFindings(local_imports=names.local_imports)
    reader = _Reader(path, names)
    for take, kinds in reader.order():
        for kind in kinds:
            for node in nodes.get(kind, ()):
                take(node)
    # modules too: another file may say `from .tools import dg`
    exports = {name: meaning for name, meaning in names.bound.items() if tool_of(meaning)}
    found = sorted(reader.found, key=lambda one: one.line)
    return FileFindings(found, _import_styles(nodes), exports | reader.own_classes, names.local_imports)


def _import_styles(nodes: Nodes) -> list[str]:
    """How the tools are imported, so that new code can do it the same way."""
    styles = []
    for node in nodes.get(ast.Import, ()):
        aliases = [alias for alias in node.names if tool_of(alias.name)]
        styles += [f"import {a.name}" + (f" as {a.asname}" if a.asname else "") for a in aliases]
    for node in nodes.get(ast.ImportFrom, ()):
        if not node.level and node.module and tool_of(node.module):
            styles.append(f"from {node.module} import ...")
    return styles


class _Reader:
    def __init__(self, path: str, names: Names) -> None:
        self.path = path
        self.names = names
        self.found: list[Found] = []
        self.own_classes: dict[str, str] = {}
        self.flows: set[str] = set()
        self.target_of: dict[int, str] = {}
        self.decorators: set[int] = set()

    def order(self) -> Iterator[tuple[Callable[[Any], None], tuple[type, ...]]]:
        """Classes and flows first: what is called is looked up among them."""
        yield self.take_class, (ast.ClassDef,)
        yield self.take_function, (ast.FunctionDef, ast.AsyncFunctionDef)
        yield self.take_target, (ast.Assign, ast.AnnAssign)
        yield self.take_call, (ast.Call,)

    def add(self, made: tuple[str, str], name: str, line: int, detail: str = "") -> None:
        tool, kind = made
        if kind:
            self.found.append(Found(tool, kind, name, self.path, line, detail))

    def take_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            qualified = self.names.qualified(call.func if call else decorator)
            made = kind_of(qualified) if qualified else None
            if made is None or qualified is None:
                continue
            self.decorators.add(id(call))
            if made == ("prefect", "flow"):
                self.flows.add(node.name)
            name = _given_name(call) or node.name
            self.add(made, name, node.lineno, _detail(call, qualified))

    def take_class(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            qualified = self.own_class(base) or self.names.qualified(_without_subscript(base))
            made = kind_of_base(qualified) if qualified else None
            if made and qualified:
                self.own_classes[node.name] = qualified
                self.add(made, node.name, node.lineno, f"class of {qualified}")
                return

    def own_class(self, node: ast.AST) -> str | None:
        return self.own_classes.get(node.id) if isinstance(node, ast.Name) else None

    def take_target(self, node: ast.Assign | ast.AnnAssign) -> None:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Call):
            self.target_of[id(node.value)] = target.id

    def take_call(self, node: ast.Call) -> None:
        self.take_connections(node)
        if id(node) in self.decorators:
            return
        own = self.own_class(node.func)
        qualified = own or self.names.qualified(node.func)
        made = (kind_of_base(own) if own else kind_of(qualified)) if qualified else None
        if made and qualified:
            self.add(made, self.name_of_made(node, made[1]), node.lineno, _detail(node, qualified))
        elif isinstance(node.func, ast.Attribute):
            self.take_method(node, node.func, qualified)

    def name_of_made(self, node: ast.Call, kind: str) -> str:
        """What a thing is called: by its own name, else by the variable that holds it, else by what made it."""
        target = self.target_of.get(id(node), "")
        first = "" if kind in NAMED_BY_VARIABLE else _first_text(node)
        return _given_name(node) or first or target or ast.unparse(node.func)

    def take_method(self, node: ast.Call, function: ast.Attribute, qualified: str | None) -> None:
        tool = tool_of(qualified) if qualified else None
        owner = (qualified or "").rpartition(".")[0].rpartition(".")[2]
        if function.attr in DEPLOYING and (tool == "prefect" or self.is_flow(function.value)):
            name = _given_name(node) or _first_text(node) or ast.unparse(function.value)
            self.add(("prefect", "deployment"), name, node.lineno, _detail(node, f"{function.attr}()"))
        elif function.attr in ("load", "aload") and (tool == "prefect" or self.is_own_block(function.value)):
            self.add(("prefect", "block"), _first_text(node) or "?", node.lineno, f"loads {owner or ast.unparse(function.value)}")
        elif tool == "prefect" and owner == "Variable" and function.attr in ("get", "aget"):
            self.add(("prefect", "variable"), _first_text(node) or "?", node.lineno)

    def is_own_block(self, node: ast.AST) -> bool:
        own = self.own_class(node)
        return bool(own) and kind_of_base(own or "") == ("prefect", "block")

    def is_flow(self, node: ast.AST) -> bool:
        """A flow of this file, one that the file imports, or what ``flow.from_source(...)`` returned."""
        if isinstance(node, ast.Call):
            return (self.names.qualified(node.func) or "").startswith("prefect.")
        if not isinstance(node, ast.Name):
            return False
        imported = node.id in self.names.bound and any(tool_of(m) == "prefect" for m in self.names.bound.values())
        return node.id in self.flows or imported

    def take_connections(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            name = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            if keyword.arg and keyword.arg.endswith("conn_id") and isinstance(name, str):
                self.add(("airflow", "connection"), name, keyword.value.lineno, f"{keyword.arg}=")
        qualified = self.names.qualified(node.func) or ""
        if tool_of(qualified) != "airflow" or not _first_text(node):
            return
        for ending, kind in CONNECTION_GETTERS.items():
            if qualified.endswith("." + ending):
                self.add(("airflow", kind), _first_text(node), node.lineno, ending)
        if qualified.endswith("Hook"):
            self.add(("airflow", "connection"), _first_text(node), node.lineno, qualified.rpartition(".")[2])


def _without_subscript(node: ast.AST) -> ast.AST:
    return node.value if isinstance(node, ast.Subscript) else node


def _given_name(call: ast.Call | None) -> str:
    """The name that a call gives to what it makes, where it is written out."""
    for keyword in call.keywords if call else ():
        if keyword.arg in NAME_KEYWORDS and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
            return keyword.value.value
    return ""


def _first_text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _detail(call: ast.Call | None, qualified: str) -> str:
    """What made it, with the arguments that a follower would copy, cut to a line."""
    shown = []
    for keyword in call.keywords if call else ():
        if keyword.arg in SHOWN_KEYWORDS:
            text = ast.unparse(keyword.value)
            shown.append(f"{keyword.arg}={text if len(text) <= 50 else text[:47] + '...'}")
    return f"{qualified}({', '.join(shown)})" if shown else qualified
