"""Find the line of a snippet that an error is about, when no frame of the traceback lies in the snippet."""

from __future__ import annotations

import ast
import re

_WORDS = re.compile(r"[A-Za-z_]\w*")


def line_of_word(source: str, message: str) -> int | None:
    """The first line of ``source`` that holds a word which ``message`` quotes: where a validator gives no line."""
    for word in re.findall(r"['\"`]([^'\"`]+)['\"`]", message):
        for number, line in enumerate(source.split("\n"), start=1):
            if not line.startswith("#") and word.split(".")[-1] in line:
                return number
    return None


def definition_line(source: str, line: int) -> int:
    """The ``def`` line of the function that begins at ``line``, which with decorators is the first of them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == line:
                return node.lineno
    return line


def line_named_in(source: str, message: str) -> int | None:
    """The line of what ``message`` names first: a string of the source, a function, a variable, a parameter.

    Of several strings with the same value the last counts: of two things with one name, the second is too many.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    names = _named_lines(tree)
    for text, line in _long_strings(tree):
        if text in message:
            return line
    for word in _WORDS.findall(message):
        if word in names:
            return string_within(source, names[word], message) or names[word]
    return _string_around(tree, message)


def string_within(source: str, line: int, message: str) -> int | None:
    """The line of the string that ``message`` quotes as it stands, inside the function at ``line`` and its decorators."""
    quoted = set(re.findall(r"['\"`]([^'\"`]+)['\"`]", message))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno == line:
            strings = (part for part in ast.walk(node) if isinstance(part, ast.Constant) and part.value in quoted)
            return next((part.lineno for part in strings), None)
    return None


def _named_lines(tree: ast.AST) -> dict[str, int]:
    """Names to lines; what defines a thing counts before the string that names it, and a parameter last."""
    parameters: dict[str, int] = {}
    strings: dict[str, int] = {}
    definitions: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            parameters[node.arg] = node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _WORDS.fullmatch(node.value):
            strings[node.value] = max(node.lineno, strings.get(node.value, 0))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            definitions[node.name] = node.lineno
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            definitions[node.targets[0].id] = node.lineno
    return parameters | strings | definitions


def _long_strings(tree: ast.AST) -> list[tuple[str, int]]:
    """Strings that no sentence contains by chance, longest first: a cron expression, a query, a path."""
    found = [
        (node.value, node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and len(node.value) > 6
        and not _WORDS.fullmatch(node.value)
    ]
    return sorted(found, key=lambda item: -len(item[0]))


def _string_around(tree: ast.AST, message: str) -> int | None:
    """A string, or the text of a formatted one, that holds a word which the message quotes: ``"orders-{day}"``."""
    quoted = re.findall(r"['\"`]([^'\"`]+)['\"`]", message)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and any(word in node.value for word in quoted):
            return node.lineno
    return None
