"""The project's own Python sources among what is imported: where a function, a value or a call stands. Standard library only."""

from __future__ import annotations

import ast
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .model import Place

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_FOREIGN = ("site-packages", ".venv", "venv", "node_modules")


@dataclass(frozen=True)
class Source:
    """One file of the project that was imported, parsed."""

    path: str
    module: ModuleType
    tree: ast.Module


_last_import = [""]


def remember_imports() -> None:
    """Note what is imported now: none of it is the project's, and a fork for one file need not look at it again."""
    _last_import[0] = next(reversed(sys.modules))


def new_modules() -> list[ModuleType]:
    """What was imported since, by the file that is looked into; found from the end, so that the others stay untouched."""
    names = itertools.takewhile(lambda name: name != _last_import[0], reversed(sys.modules))
    return [sys.modules[name] for name in list(names)[::-1]]


def project_sources(module: ModuleType, root: Path) -> list[Source]:
    """The file itself, then every other imported file below ``root`` that no environment brought."""
    found: dict[str, Source] = {}
    for one in [module, *new_modules()]:
        path = getattr(one, "__file__", None)
        if not isinstance(path, str) or not path.endswith(".py") or path in found or not _is_own(path, root, module):
            continue
        try:
            found[path] = Source(path, one, ast.parse(Path(path).read_text(encoding="utf-8")))
        except (OSError, SyntaxError, UnicodeDecodeError):
            continue
    return list(found.values())


def _is_own(path: str, root: Path, module: ModuleType) -> bool:
    if path == module.__file__:
        return True
    return Path(path).is_relative_to(root) and not any(part in _FOREIGN for part in Path(path).relative_to(root).parts)


def node_of_function(function: Any, sources: list[Source]) -> tuple[Source, FunctionNode] | None:
    """The definition of a live function, when it is one of the project's."""
    code = getattr(function, "__code__", None)
    for source in sources:
        if code is not None and source.path == code.co_filename:
            for node in ast.walk(source.tree):
                if isinstance(node, FunctionNode) and first_line(node) == code.co_firstlineno:
                    return source, node
    return None


def first_line(node: FunctionNode | ast.ClassDef) -> int:
    """Where a definition begins: with decorators, at the first of them."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def place_of_function(function: Any, sources: list[Source]) -> Place | None:
    """Where a live function stands; its comments may be among the decorators and behind the signature."""
    found = node_of_function(function, sources)
    return place_of_definition(found[0].path, found[1]) if found else None


def place_of_definition(path: str, node: FunctionNode | ast.ClassDef) -> Place:
    return Place(path, node.lineno, first_line(node), max(node.lineno, node.body[0].lineno - 1))


def place_of_node(path: str, node: ast.expr | ast.stmt) -> Place:
    return Place(path, node.lineno, node.lineno, node.end_lineno or node.lineno)


def making_node(value: Any, name: str, sources: list[Source]) -> tuple[Source, ast.expr | ast.stmt] | None:
    """The statement or call that made a named value: the variable that holds it, else the call that holds its name."""
    for source in sources:
        held = {key for key, own in vars(source.module).items() if own is value or _is_same(own, value, name)}
        for node in source.tree.body:
            targets = {target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)}
            if held & {*targets, getattr(node, "name", "")}:
                return source, node
    for source in sources:
        for call in calls_in(source.tree):
            if any(isinstance(argument, ast.Constant) and argument.value == name for argument in arguments_of(call)):
                return source, call
    return None


def _is_same(own: Any, value: Any, name: str) -> bool:
    """Loading replaces some definitions by copies of the same kind and name."""
    kind = type(own).__name__
    try:
        return kind.endswith("Definition") and (type(own) is type(value) or "Unresolved" in kind) and own.name == name
    except Exception:  # a definition that cannot be asked is not the one that was
        return False


def calls_in(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def imported_from(tree: ast.AST) -> dict[str, str]:
    """The module that each imported name of a source comes from."""
    found: dict[str, str] = {}
    for one in ast.walk(tree):
        if isinstance(one, ast.ImportFrom) and one.module:
            found |= {alias.asname or alias.name: one.module for alias in one.names}
        elif isinstance(one, ast.Import):
            found |= {alias.asname or alias.name.split(".")[0]: alias.name for alias in one.names}
    return found


def arguments_of(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def called_name(call: ast.Call) -> str:
    """The last word of what is called: ``RunRequest`` of ``dg.RunRequest(...)``."""
    function = call.func.value if isinstance(call.func, ast.Subscript) else call.func
    return getattr(function, "attr", getattr(function, "id", ""))


def keyword_of(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def returned_values(function: FunctionNode) -> list[ast.expr]:
    """What a function itself returns or yields, without the functions inside of it; a bare ``return`` is not counted."""
    found: list[ast.expr] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (*_SCOPES,)):
            continue
        if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)) and node.value is not None:
            found.append(node.value)
        waiting.extend(ast.iter_child_nodes(node))
    return found


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
