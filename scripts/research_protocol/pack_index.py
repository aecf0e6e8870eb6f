"""Which page and which example of this pack show a name."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .import_names import Names, Nodes, nodes_by_type, tool_of
from .pins import ROOT

_FENCE = re.compile(r"^```(?:python|py)\s*$(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,4} (.+)$", re.MULTILINE)
MOST = 5


@dataclass(frozen=True)
class Shown:
    """A place in this pack: ``heading`` is the section of a page, or the first line of what an example says of itself."""

    path: str
    line: int
    heading: str


def pages_that_show(dotted: str, root: Path = ROOT) -> list[Shown]:
    """Sections of pages with a snippet that uses the name, then those that only mention it."""
    in_code: dict[tuple[str, str], Shown] = {}
    in_prose: dict[tuple[str, str], Shown] = {}
    for page in sorted((root / "references").glob("*.md")):
        text = page.read_text(encoding="utf-8", errors="replace")
        for fence in _FENCE.finditer(text):
            line = _line_of_use(fence.group(1), dotted)
            if line is not None:
                shown = _section(page, text, text.count("\n", 0, fence.start(1)) + line, root)
                in_code.setdefault((shown.path, shown.heading), shown)
        prose = re.search(rf"`[^`\n]*\b{re.escape(_last(dotted))}\b[^`\n]*`", _FENCE.sub(_blank, text))
        if prose and (tool_of(dotted) or "") in text.lower():
            shown = _section(page, text, text.count("\n", 0, prose.start()) + 1, root)
            in_prose.setdefault((shown.path, shown.heading), shown)
    return list((in_code | {place: shown for place, shown in in_prose.items() if place not in in_code}).values())[:MOST]


def examples_that_show(dotted: str, root: Path = ROOT) -> list[Shown]:
    """Examples that use the name, tests after what they test."""
    found = []
    for file in _example_files(root):
        text = file.read_text(encoding="utf-8", errors="replace")
        line = _line_of_use(text, dotted)
        if line is not None:
            found.append(Shown(file.relative_to(root).as_posix(), line, _first_words(text)))
    return sorted(found, key=lambda one: (Path(one.path).name.startswith("test_"), "harness/" in one.path, one.path))[:MOST]


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def _example_files(root: Path) -> Iterator[Path]:
    for tool in sorted((root / "examples").glob("*")):
        for pattern in sorted(tool.glob("*")):
            if pattern.is_dir() and not pattern.name.startswith((".", "_")):
                yield from sorted(file for file in pattern.rglob("*.py") if ".venv" not in file.parts)


def _line_of_use(code: str, dotted: str) -> int | None:
    """The first line that uses the name, past its import; None when the code does not, or means another tool's name."""
    last = _last(dotted)
    if not re.search(rf"\b{re.escape(last)}\b", code):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return None
    if not _uses(nodes_by_type(tree), dotted):
        return None
    used = [node for node in ast.walk(tree) if getattr(node, "id", getattr(node, "attr", "")) == last]
    imported = [alias for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names]
    return min((node.lineno for node in used or imported if hasattr(node, "lineno")), default=None)


def _uses(nodes: Nodes, dotted: str) -> bool:
    """Whether the code imports or dots into the name, of the same tool; of a method, whether its class is there too."""
    names = Names(nodes)
    tool, owner, last = tool_of(dotted), dotted.split(".")[-2] if "." in dotted else "", _last(dotted)
    meanings = {*names.bound.values(), *filter(None, (names.qualified(node) for node in nodes.get(ast.Attribute, ())))}
    if owner[:1].isupper():
        attributes = {node.attr for node in nodes.get(ast.Attribute, ())}
        return last in attributes and any(_last(one) == owner and tool_of(one) == tool for one in meanings)
    return any(_last(one) == last and tool_of(one) == tool for one in meanings)


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]


def _section(page: Path, text: str, line: int, root: Path) -> Shown:
    """The place with the nearest heading above it; headings inside fences are comments of code."""
    bare = _FENCE.sub(_blank, text)
    headings = [match.group(1) for match in _HEADING.finditer(bare) if bare.count("\n", 0, match.start()) < line]
    return Shown(page.relative_to(root).as_posix(), line, headings[-1] if headings else page.stem)


def _first_words(code: str) -> str:
    match = re.match(r'\s*(?:#[^\n]*\n)*\s*"""(.+?)(?:\n|""")', code)
    return match.group(1).strip() if match else ""
