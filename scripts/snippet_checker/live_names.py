"""Resolve the names and keyword arguments of a snippet against the live packages, before anything runs.

Type checkers cannot see what orchestrators do: modules with ``__getattr__``, decorators that take ``**kwargs``,
parameters hidden from the signature, marks of deprecation of their own. The imported objects can be asked.
Standard library only: it runs inside a tool's environment. The probe of the tool answers what only it knows.
"""

from __future__ import annotations

import ast
import builtins
import enum
import importlib
import inspect
import os
import re
import traceback
import typing
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

UNKNOWN = object()
_STALE_CATEGORIES = (DeprecationWarning, FutureWarning, PendingDeprecationWarning)
_STALE_WORDS = re.compile(r"\bdeprecated\b|will be removed|will be an error|starting in dagster \d", re.IGNORECASE)


def find_stale_names(source: str, probe: Any) -> list[dict[str, Any]]:
    """Findings ``{line, kind, message, current}`` for what ``source`` imports, dots into and calls.

    ``probe`` offers ``ROOTS`` (package names), ``stale_marks(obj)``, ``stale_keywords(function)``,
    ``known_keywords(function)`` and ``decorated_class(decorator)``.
    Raises SyntaxError when the source does not parse.
    """
    tree = ast.parse(source)
    resolver = _Resolver(probe, _rebound_names(tree))
    for node in ast.walk(tree):
        resolver.take_import(node)
    resolver.take_makers(tree)
    resolver.take_annotations(tree)
    for node in ast.walk(tree):
        resolver.take_use(node)
    findings = {(f["line"], f["message"]): f for f in resolver.findings + _undefined_names(tree)}
    return sorted(findings.values(), key=lambda f: f["line"])


class _Resolver:
    """Holds what the imported names stand for while one snippet is read."""

    def __init__(self, probe: Any, rebound: set[str]) -> None:
        self.probe = probe
        self.rebound = rebound
        self.names: dict[str, Any] = {}
        self.findings: list[dict[str, Any]] = []
        self.resolved: dict[int, Any] = {}
        self.made: dict[str, type] = {}

    def add(self, line: int, kind: str, message: str, current: str = "") -> None:
        self.findings.append({"line": line, "kind": kind, "message": message, "current": current})

    def owns(self, module: str) -> bool:
        return is_owned(module, self.probe.ROOTS)

    # --- imports

    def take_import(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if self.owns(alias.name):
                    self.import_module(node, alias)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level and self.owns(node.module):
            module = self.ask(node.lineno, lambda: importlib.import_module(node.module or ""))
            if module is not UNKNOWN:
                for alias in node.names:
                    self.import_name(node, module, alias)

    def import_module(self, node: ast.Import, alias: ast.alias) -> None:
        module = self.ask(node.lineno, lambda: importlib.import_module(alias.name))
        if module is not UNKNOWN:
            top = importlib.import_module(alias.name.split(".")[0])
            self.names[alias.asname or alias.name.split(".")[0]] = module if alias.asname else top

    def import_name(self, node: ast.ImportFrom, module: ModuleType, alias: ast.alias) -> None:
        line = alias.lineno or node.lineno
        if alias.name == "*":
            self.names |= {name: getattr(module, name) for name in getattr(module, "__all__", ())}
            return
        value = self.ask(line, lambda: _import_from(module, alias.name))
        if value is not UNKNOWN:
            self.names[alias.asname or alias.name] = value
            self.report_marks(line, value, alias.name)

    def ask(self, line: int, get: Callable[[], Any]) -> Any:
        """``get()``, or UNKNOWN after a finding; what it warns about becomes a finding too."""
        caught: list[tuple[str, type[Warning]]] = []

        def take(message: Any, category: type[Warning], filename: str, *rest: Any) -> None:
            if (
                is_stale(category, str(message))
                and self.concerns_tool(filename, category)
                and not is_said_to_library(category, self.probe.ROOTS)
            ):
                caught.append((str(message), category))

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = take  # type: ignore[assignment]
            try:
                value = get()
            except Exception as error:
                message = str(error) or type(error).__name__
                self.add(line, type(error).__name__, message.split(" (/")[0])
                return UNKNOWN
        for message, category in caught:
            self.add(line, category.__name__, message)
        return value

    def concerns_tool(self, filename: str, category: type[Warning]) -> bool:
        """Whether a warning is about the tool, and not about what it, or a dependency, does inside.

        pydantic's warnings name the module that uses pydantic: one of the tool's own is nothing a reader could mend.
        """
        _, inside, rest = filename.replace("\\", "/").partition("/site-packages/")
        if inside and category.__module__.startswith("pydantic"):
            return False
        return not inside or self.owns(rest.split("/")[0].removesuffix(".py"))

    # --- uses

    def take_makers(self, tree: ast.AST) -> None:
        """Names that hold what a class or a decorator of the tool has made: ``defs = dg.Definitions(...)``, ``@flow``."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                maker = self.resolve(node.value.func) if isinstance(node.value, ast.Call) else UNKNOWN
                if isinstance(maker, type):
                    self.made[node.targets[0].id] = maker
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for decorator in node.decorator_list:
                    maker = self.resolve(decorator.func if isinstance(decorator, ast.Call) else decorator)
                    made = self.probe.decorated_class(maker) if maker is not UNKNOWN else None
                    if made is not None:
                        self.made[node.name] = made

    def take_annotations(self, tree: ast.AST) -> None:
        """A parameter annotated with a class of the tool stands for an instance of it."""
        for function in ast.walk(tree):
            if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            typed = {a.arg: self.resolve(a.annotation) for a in _parameters(function) if a.annotation is not None}
            typed = {name: kind for name, kind in typed.items() if isinstance(kind, type)}
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in typed:
                    self.take_instance_attribute(node, typed[node.value.id])

    def take_instance_attribute(self, node: ast.Attribute, owner: type) -> None:
        value = inspect.getattr_static(owner, node.attr, UNKNOWN)
        if value is not UNKNOWN:
            self.report_marks(node.lineno, value, f"{owner.__name__}.{node.attr}")

    def take_use(self, node: ast.AST) -> None:
        if isinstance(node, (ast.Attribute, ast.Name)) and isinstance(node.ctx, ast.Load):
            value = self.resolve(node)
            if value is not UNKNOWN and isinstance(node, ast.Attribute):
                self.report_marks(node.lineno, value, ast.unparse(node))
        elif isinstance(node, ast.Call):
            value = self.resolve(node.func)
            if value is UNKNOWN:
                value = self.resolve_method(node.func)
            if value is not UNKNOWN and callable(value):
                self.check_call(node, value)

    def resolve(self, node: ast.AST | None) -> Any:
        if node is None:
            return UNKNOWN
        if id(node) not in self.resolved:
            self.resolved[id(node)] = self.look_up(node)
        return self.resolved[id(node)]

    def look_up(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name):
            return UNKNOWN if node.id in self.rebound else self.names.get(node.id, UNKNOWN)
        if isinstance(node, ast.Attribute):
            owner = self.resolve(node.value)
            if isinstance(owner, (ModuleType, type)):
                return self.ask(node.lineno, lambda: getattr(owner, node.attr))
        return UNKNOWN

    def resolve_method(self, node: ast.AST) -> Any:
        """A method called on what a class or a known factory of the tool has just made."""
        if not isinstance(node, ast.Attribute):
            return UNKNOWN
        maker = node.value
        made = UNKNOWN
        if isinstance(maker, ast.Call):
            made = self.resolve(maker.func)
        elif isinstance(maker, ast.Name):
            made = self.made.get(maker.id, UNKNOWN)
        if not isinstance(made, type):
            return UNKNOWN
        method = inspect.getattr_static(made, node.attr, UNKNOWN)
        self.report_marks(node.lineno, method, f"{made.__name__}.{node.attr}")
        return _bind(method)

    # --- calls

    def check_call(self, call: ast.Call, function: Any) -> None:
        name = ast.unparse(call.func)
        stale = self.probe.stale_keywords(function)
        known = self.probe.known_keywords(function)
        for keyword in call.keywords:
            if keyword.arg is None:
                continue
            if keyword.arg in stale:
                self.add(
                    keyword.value.lineno, "DeprecatedParameter", f"{name}({keyword.arg}=) is deprecated: {stale[keyword.arg]}"
                )
            elif known is not None and keyword.arg not in known:
                near = _nearest(keyword.arg, known)
                self.add(keyword.value.lineno, "TypeError", f"{name}() got an unexpected keyword argument {keyword.arg!r}", near)
            elif wanted := self.class_wanted_instead(function, keyword):
                shown = ast.unparse(keyword.value)
                self.add(keyword.value.lineno, "TypeError", f"{name}({keyword.arg}=) takes a {wanted}, not {shown}")

    def class_wanted_instead(self, function: Any, keyword: ast.keyword) -> str:
        """The tool's own class that a parameter is annotated with, when a plain literal is passed for it."""
        if not isinstance(keyword.value, ast.Constant) or keyword.value.value is None:
            return ""
        annotation = _annotation(function, keyword.arg or "")
        options = [option for option in (typing.get_args(annotation) or (annotation,)) if option is not type(None)]
        own = [option for option in options if inspect.isclass(option) and self.owns(option.__module__)]
        if not options or own != options or any(_takes_literals(option) for option in own):
            return ""
        return " or ".join(option.__name__ for option in own)

    def report_marks(self, line: int, value: Any, name: str) -> None:
        for kind, message in self.probe.stale_marks(value):
            self.add(line, kind, f"{name}: {message}")


def is_owned(module: str, roots: tuple[str, ...]) -> bool:
    """Whether a module belongs to a tool: ``roots`` are package names, or prefixes that end in an underscore."""
    top = module.split(".")[0]
    return any(top == root or (root.endswith("_") and top.startswith(root)) for root in roots)


def is_said_to_library(category: type[Warning], roots: tuple[str, ...]) -> bool:
    """Whether the innermost code outside of the package that warns, of what runs now, is another installed package.

    Then the old form is that package's, and its authors must mend it. ``dagster`` and ``dagster_`` are one package here,
    ``airflow`` and ``cosmos`` two: what Airflow says to Cosmos is not said to the reader.
    """
    family = category.__module__.split(".")[0].split("_")[0]
    said_by = tuple(root for root in roots if root.rstrip("_") == family) or roots
    own = os.path.dirname(is_said_to_library.__code__.co_filename)
    asking = True  # the checker's own frames stand innermost, and again where the snippet was started
    for frame, _ in traceback.walk_stack(None):
        filename = frame.f_code.co_filename.replace("\\", "/")
        asking = asking and os.path.dirname(filename) == own
        if asking or filename.startswith("<frozen") or filename == warnings.__file__ or "/importlib/" in filename:
            continue
        _, inside, rest = filename.partition("/site-packages/")
        if not inside or not is_owned(rest.split("/")[0].removesuffix(".py"), said_by):
            return bool(inside)
    return False


def is_said_straight_to(path: str, filename: str) -> bool:
    """Whether code of the package that holds ``filename`` and warns now was called by the file ``path`` itself."""
    package = _package_of(filename)
    asking = True  # the checker's own frames stand innermost
    for frame, _ in traceback.walk_stack(None):
        name = frame.f_code.co_filename.replace("\\", "/")
        asking = asking and os.path.dirname(name) == os.path.dirname(__file__)
        passed_on = name.startswith("<") or "/importlib/" in name or name == warnings.__file__  # "<string>": a dataclass
        if asking or passed_on or (package and _package_of(name) == package):
            continue
        return name == path
    return False


def _package_of(filename: str) -> str:
    """The installed package that a file belongs to, or nothing."""
    return filename.replace("\\", "/").partition("/site-packages/")[2].split("/")[0].removesuffix(".py")


def is_stale(category: type[Warning], message: str = "") -> bool:
    """Whether a warning says that something is on its way out, by its class or, of a plain UserWarning, by its words."""
    return (
        issubclass(category, _STALE_CATEGORIES)
        or any(word in category.__name__ for word in ("Deprecat", "Supersession", "RemovedIn"))
        or (category is UserWarning and bool(_STALE_WORDS.search(message)))
    )


def signature_keywords(function: Any) -> set[str] | None:
    """The names that ``function`` takes by keyword, or None where only a call can tell (``**kwargs``)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def _annotation(function: Any, parameter: str) -> Any:
    """The evaluated annotation of a parameter, or None where it cannot be evaluated."""
    try:
        found = inspect.signature(function, eval_str=True).parameters.get(parameter)
    except Exception:
        return None
    return found.annotation if found is not None and found.annotation is not found.empty else None


def _takes_literals(kind: type) -> bool:
    """Classes that a string or number stands for: enumerations, and what is derived from str or int."""
    return issubclass(kind, (str, int, float, bytes)) or isinstance(kind, enum.EnumMeta) or hasattr(kind, "__get_validators__")


def _bind(method: Any) -> Any:
    """The function behind a method, with ``self`` taken away, or UNKNOWN."""
    function = getattr(method, "__func__", method)
    if not inspect.isfunction(function):
        return UNKNOWN
    return function.__get__(object())


def _import_from(module: ModuleType, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        pass
    try:
        return importlib.import_module(f"{module.__name__}.{name}")
    except ModuleNotFoundError:
        raise ImportError(f"cannot import name {name!r} from {module.__name__!r}") from None


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.arg]:
    arguments = function.args
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)


def _rebound_names(tree: ast.AST) -> set[str]:
    """Names that the snippet itself gives a meaning to: they no longer stand for what was imported."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    return names


def _undefined_names(tree: ast.Module) -> list[dict[str, Any]]:
    """Names that no line of the snippet defines: a missing import shows before the task that needs it runs."""
    bound = _rebound_names(tree) | set(dir(builtins)) | {"__file__", "__name__", "__doc__", "__spec__"}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.asname or alias.name.split(".")[0] for alias in node.names]
            if "*" in names:
                return []
            bound |= set(names)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            bound.add(node.rest)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            bound |= set(node.names)
    return [
        {"line": node.lineno, "kind": "NameError", "message": f"name {node.id!r} is not defined", "current": ""}
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in bound
    ]


def _nearest(word: str, known: set[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}=?" if close else ""
