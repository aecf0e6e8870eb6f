"""Find the rows of the ledger that a Python file meets, by AST."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from .drift_ledger import Row
from .import_names import Names, Nodes, nodes_by_type, tool_of

Hit = tuple[int, str]  # line, id of the row
_TEMPLATE = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_CONTEXTS = ("context", "kwargs", "ctx")
_DAGSTER_CONTEXT = {"op": "dagster.OpExecutionContext"}


class Wanted:
    """The rows' forms, laid out so that a node is looked up and not compared with each."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.names: dict[str, list[str]] = defaultdict(list)
        self.keywords: dict[str, list[tuple[Mapping[str, Any], str]]] = defaultdict(list)
        self.attributes: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.innermost: list[tuple[str, str]] = []
        self.positional: list[tuple[str, int, str]] = []
        self.templates: dict[str, list[str]] = defaultdict(list)
        self.settings: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            for match in row.matches:
                self._take(match, row.id)

    def _take(self, match: Mapping[str, Any], row: str) -> None:
        if "name" in match:
            self.names[match["name"]].append(row)
        elif "keyword" in match:
            self.keywords[match["keyword"]].append((match, row))
        elif "argument" in match:
            self.positional.append((match["call"], match["argument"], row))
        elif "attribute" in match:
            self.attributes[match["attribute"]].append((match["on"], row))
        elif "decorator" in match:
            self.innermost.append((match["decorator"], row))
        elif "template" in match:
            self.templates[match["template"]].append(row)
        elif "setting" in match:
            self.settings[match["setting"]].append(row)


def analyse_drift(path: str, nodes: Nodes, wanted: Any) -> list[Hit]:
    """Lines and rows that one file meets, each pair once."""
    names = Names(nodes)
    reader = _Reader(nodes, names, wanted)
    hits = {*reader.imports(), *reader.strings()}
    if names.has_tool:
        hits |= {*reader.attributes(), *reader.calls(), *reader.decorators(), *reader.context_keys()}
    return sorted(hits)


class _Reader:
    def __init__(self, nodes: Nodes, names: Names, wanted: Wanted) -> None:
        self.nodes = nodes
        self.names = names
        self.wanted = wanted
        self.functions: list[Any] = [*nodes.get(ast.FunctionDef, ()), *nodes.get(ast.AsyncFunctionDef, ())]
        self.uses_airflow = any(tool_of(meaning) == "airflow" for meaning in names.bound.values())

    def imports(self) -> Iterator[Hit]:
        for node in self.nodes.get(ast.Import, ()):
            for alias in node.names:
                yield from self.named(alias.name, node.lineno)
        for node in self.nodes.get(ast.ImportFrom, ()):
            for alias in node.names if node.module and not node.level else ():
                yield from self.named(f"{node.module}.{alias.name}", alias.lineno)

    def named(self, qualified: str, line: int) -> Iterator[Hit]:
        """Rows that name this, or a module above it."""
        while qualified:
            for row in self.wanted.names.get(qualified, ()):
                yield line, row
            qualified = qualified.rpartition(".")[0]

    def attributes(self) -> Iterator[Hit]:
        interesting = False
        for node in self.nodes.get(ast.Attribute, ()):
            qualified = self.names.qualified(node)
            if qualified and tool_of(qualified):
                yield from self.new_parts(node, qualified)
            interesting = interesting or node.attr in self.wanted.attributes
        if interesting:
            kinds = self.instances()
            yield from self.attributes_of(self.nodes, kinds)
            for function in self.functions:
                yield from self.attributes_of(nodes_by_type(function), kinds | self.parameters(function))

    def attributes_of(self, nodes: Nodes, kinds: Mapping[str, str]) -> Iterator[Hit]:
        """Rows that an attribute of an instance meets; ``kinds`` says what each name is an instance of."""
        for node in nodes.get(ast.Attribute, ()):
            for on, row in self.wanted.attributes.get(node.attr, ()):
                if _is(self.kind_of(node.value, kinds), on):
                    yield node.lineno, row

    def new_parts(self, node: ast.Attribute, qualified: str) -> Iterator[Hit]:
        """Rows met by the dotted use; what an import line has said of the name already is not said at each use."""
        imported = self.names.qualified(node.value) or ""
        while qualified and len(qualified) > len(imported):
            for row in self.wanted.names.get(qualified, ()):
                yield node.lineno, row
            qualified = qualified.rpartition(".")[0]

    def instances(self) -> dict[str, str]:
        """Names of the file to what they are an instance of: returned by a call, or decorated."""
        kinds: dict[str, str] = {}
        for node in self.nodes.get(ast.Assign, ()):
            made = self.names.qualified(node.value.func) if isinstance(node.value, ast.Call) else None
            if made:
                kinds |= {target.id: made for target in node.targets if isinstance(target, ast.Name)}
        for node in self.nodes.get(ast.withitem, ()):
            made = self.names.qualified(node.context_expr.func) if isinstance(node.context_expr, ast.Call) else None
            if made and isinstance(node.optional_vars, ast.Name):
                kinds[node.optional_vars.id] = made
        for function in self.functions:
            if made := self.decorated_by(function):
                kinds[function.name] = made
        return kinds

    def parameters(self, function: Any) -> dict[str, str]:
        """Parameters to their classes: as annotated, and Dagster's ``context`` without annotation."""
        kinds = {}
        made = self.decorated_by(function) or ""
        for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs):
            annotated = self.names.qualified(argument.annotation)
            if annotated:
                kinds[argument.arg] = annotated
            elif argument.arg == "context" and tool_of(made) == "dagster":
                kinds["context"] = _DAGSTER_CONTEXT.get(made.rpartition(".")[2], "dagster.AssetExecutionContext")
        return kinds

    def decorated_by(self, function: Any) -> str | None:
        decorators = [self.names.qualified(_function_of(one)) for one in function.decorator_list]
        return next((one for one in decorators if one and tool_of(one)), None)

    def kind_of(self, node: ast.AST, kinds: Mapping[str, str]) -> str | None:
        if isinstance(node, ast.Name):
            return kinds.get(node.id)
        return self.names.qualified(node.func) if isinstance(node, ast.Call) else None

    def calls(self) -> Iterator[Hit]:
        for node in self.nodes.get(ast.Call, ()):
            for keyword in node.keywords:
                if keyword.arg in self.wanted.keywords:
                    yield from self.with_keyword(node, keyword)
            for call, count, row in self.wanted.positional:
                if len(node.args) >= count and _is(self.names.qualified(node.func), call):
                    yield node.lineno, row

    def with_keyword(self, node: ast.Call, keyword: ast.keyword) -> Iterator[Hit]:
        qualified = self.names.qualified(node.func)
        for match, row in self.wanted.keywords[keyword.arg or ""]:
            if _is(qualified, match["call"]) and ("value" not in match or _is_value(keyword.value, match["value"])):
                yield keyword.value.lineno, row

    def decorators(self) -> Iterator[Hit]:
        for function in self.functions if self.wanted.innermost else ():
            last: ast.expr | None = function.decorator_list[-1] if function.decorator_list else None
            for decorator, row in self.wanted.innermost:
                if last and _is(self.names.qualified(_function_of(last)), decorator):
                    yield last.lineno, row

    def strings(self) -> Iterator[Hit]:
        for node in self.nodes.get(ast.Constant, ()):
            if type(node.value) is not str:
                continue
            for row in self.wanted.settings.get(node.value, ()):
                yield node.lineno, row
            if self.uses_airflow and "{{" in node.value:
                for match in _TEMPLATE.finditer(node.value):
                    line = node.lineno + node.value.count("\n", 0, match.start())
                    yield from ((line, row) for row in self.in_template(match.group(1)))

    def in_template(self, expression: str) -> Iterator[str]:
        for word in re.findall(r"(?<![\w.'\"])[A-Za-z_]\w*", expression):
            yield from self.wanted.templates.get(word, ())

    def context_keys(self) -> Iterator[Hit]:
        """``context["execution_date"]``, ``context.get(...)``, and a parameter of a task with that name."""
        if not self.uses_airflow:
            return
        for node in self.nodes.get(ast.Subscript, ()):
            if _is_context(node.value) and isinstance(node.slice, ast.Constant):
                yield from ((node.lineno, row) for row in self.wanted.templates.get(str(node.slice.value), ()))
        for node in self.nodes.get(ast.Call, ()):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and _is_context(node.func.value) and node.args:
                key = str(getattr(node.args[0], "value", None))
                yield from ((node.lineno, row) for row in self.wanted.templates.get(key, ()))
        for function in self.functions:
            if any(_is(self.names.qualified(_function_of(one)), "airflow*.task*") for one in function.decorator_list):
                for argument in (*function.args.args, *function.args.kwonlyargs):
                    yield from ((argument.lineno, row) for row in self.wanted.templates.get(argument.arg, ()))


def _function_of(decorator: ast.AST | None) -> ast.AST | None:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _is(qualified: str | None, pattern: str | Sequence[str]) -> bool:
    patterns = [pattern] if isinstance(pattern, str) else pattern
    return qualified is not None and any(fnmatchcase(qualified, one) for one in patterns)


def _is_value(node: ast.AST, value: Any) -> bool:
    return isinstance(node, ast.Constant) and node.value == value and type(node.value) is type(value)


def _is_context(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", getattr(node.func, "attr", "")) == "get_current_context"
    return isinstance(node, ast.Name) and node.id in _CONTEXTS
