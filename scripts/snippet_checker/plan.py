"""Decide what is done with each snippet: which tool, which source, which level. Pure: nothing is read or run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

from .model import Check, Finding, Language, Level, Snippet

ROOTS = {
    "dagster": ("dagster", "dagster_"),
    "airflow": ("airflow", "cosmos"),
    "prefect": ("prefect", "prefect_"),
    "embedded": ("databricks", "snowflake", "fakesnow", "pyspark"),
}
CLI_TOOLS = {
    "dagster": "dagster", "dg": "dagster", "dagster-webserver": "dagster", "dagster-daemon": "dagster",
    "dagster-graphql": "dagster", "dagster-dbt": "dagster", "airflow": "airflow", "prefect": "prefect",
}  # fmt: skip
FILE_TOOLS = {"dagster.yaml": "dagster", "workspace.yaml": "dagster", "prefect.yaml": "prefect"}
_IMPORT = re.compile(r"^\s*(?:from|import)\s+([A-Za-z_]\w*)", re.MULTILINE)


def plan_checks(snippets: Sequence[Snippet], tools: Iterable[str], level: Level = Level.RUNS) -> list[Check]:
    """One Check per Snippet, in the same order. ``tools`` are those that have an environment here.

    ``level`` is the most that is asked of any snippet; a mark may ask for less, never for more.
    """
    tools = tuple(tools)
    checks: list[Check] = []
    for index, snippet in enumerate(snippets):
        chain, problem = _chain(snippets, index)
        problems = snippet.problems + ((problem,) if problem else ())
        tool, tool_problem = _tool(snippet, chain, tools)
        problems += (tool_problem,) if tool_problem else ()
        checks.append(Check(snippet, tool, _level(snippet, level), _source(chain), problems))
    assert len(checks) == len(snippets)
    return checks


def _level(snippet: Snippet, most: Level) -> Level:
    order = list(Level)
    asked = snippet.marks.level or Level.RUNS
    return max(asked, most, key=order.index)


def _chain(snippets: Sequence[Snippet], index: int) -> tuple[list[Snippet], Finding | None]:
    """The snippets that run before this one in the same module, this one last."""
    snippet = snippets[index]
    if not snippet.marks.follows:
        return [snippet], None
    for before in range(index - 1, -1, -1):
        if snippets[before].page == snippet.page and snippets[before].language == snippet.language:
            chain, problem = _chain(snippets, before)
            return [*chain, snippet], problem
    message = f"`follows`, but no {snippet.language} snippet stands before it on this page; remove the mark"
    return [snippet], Finding(snippet.line, "NothingToFollow", message)


def _source(chain: Sequence[Snippet]) -> str:
    """The page with everything but the code of ``chain`` blanked out: line N of it is line N of the page."""
    lines: list[str] = []
    for snippet in chain:
        lines += [""] * (snippet.line - 1 - len(lines))
        lines += snippet.code.rstrip("\n").split("\n")
    return "\n".join(lines) + "\n"


def _tool(snippet: Snippet, chain: Sequence[Snippet], tools: tuple[str, ...]) -> tuple[str | None, Finding | None]:
    if snippet.language is Language.BASH:
        return snippet.marks.tool or _command_tool(snippet, tools) or _page_tool(snippet, tools), None
    if snippet.language is not Language.PYTHON:
        return _file_tool(snippet), None
    imported: dict[str, int] = {}
    for part in chain:
        imported |= {tool: line for tool, line in imported_tools(part).items() if tool not in imported}
    if len(imported) > 1 and snippet.marks.tool is None:
        (first, _), (second, line) = sorted(imported.items(), key=lambda item: item[1])[:2]
        message = f"imports {first} and {second}: no environment has both; split it into two snippets"
        return first, Finding(line, "TwoTools", message)
    tool = snippet.marks.tool or next(iter(imported), None) or _page_tool(snippet, tools)
    if tool is None:
        message = "no import says which tool this belongs to; add `<!-- snippet: tool NAME -->` above the fence"
        return None, Finding(snippet.line, "NoTool", message)
    if tool not in tools:
        return tool, Finding(snippet.line, "NoEnvironment", f"no environment for {tool!r} was asked for; use --tool {tool}")
    return tool, None


def imported_tools(snippet: Snippet) -> dict[str, int]:
    """The tools that a Python snippet imports, each with the line of the page where it first does."""
    found: dict[str, int] = {}
    for name, line in _imports(snippet):
        for tool, roots in ROOTS.items():
            if any(name == root or (root.endswith("_") and name.startswith(root)) for root in roots):
                found.setdefault(tool, line)
    return found


def _imports(snippet: Snippet) -> list[tuple[str, int]]:
    try:
        tree = ast.parse(snippet.code)
    except (SyntaxError, ValueError):
        names = [(match.group(1), match.start(1)) for match in _IMPORT.finditer(snippet.code)]
        return [(name, snippet.line + snippet.code.count("\n", 0, at)) for name, at in names]
    found = []
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            found += [(alias.name.split(".")[0], snippet.line + node.lineno - 1) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append((node.module.split(".")[0], snippet.line + node.lineno - 1))
    return sorted(found, key=lambda item: item[1])


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The statements, nested ones too; walking every expression costs ten times that."""
    for node in body:
        yield node
        for name in ("body", "handlers", "orelse", "finalbody", "cases"):
            yield from _statements(getattr(node, name, ()))


def named_file(code: str) -> str | None:
    """The file that a YAML or TOML snippet stands for: its first line is a comment with the name."""
    match = re.match(r"\s*#\s*([\w./-]+\.(?:ya?ml|toml|cfg))\b", code)
    return match.group(1) if match else None


def without_demands(snippet: Snippet) -> Snippet:
    """A snippet of somebody else's page: a document that does not say which file it stands for is only parsed."""
    unnamed = snippet.language in (Language.YAML, Language.JSON, Language.TOML) and not named_file(snippet.code)
    if not unnamed or snippet.marks.level:
        return snippet
    marks = replace(snippet.marks, level=Level.PARSES, reason="nothing says which file this is")
    return replace(snippet, marks=marks)


def unnamed_environment(check: Check) -> Check:
    """A check of somebody else's page; where nothing says what proves it, the way out is theirs: their settings."""
    message = (
        "no import says which tool this belongs to, and no environment is named for its page; name one in "
        "[[tool.snippet-checker.environments]] of pyproject.toml, or add `<!-- snippet: parse, REASON -->` above the fence"
    )
    problems = tuple(replace(one, message=message) if one.kind == "NoTool" else one for one in check.problems)
    return replace(check, problems=problems)


def in_environment(check: Check, tool: str | None, level: Level) -> Check:
    """The check as an environment of its own proves it: which tool an import names is no problem there."""
    problems = tuple(one for one in check.problems if one.kind not in ("NoTool", "TwoTools", "NoEnvironment"))
    return replace(check, tool=tool, level=max(check.level, level, key=list(Level).index), problems=problems)


def _file_tool(snippet: Snippet) -> str | None:
    """The tool that reads the configuration file which a YAML snippet stands for."""
    name = named_file(snippet.code) or ""
    return FILE_TOOLS.get(name.rsplit("/", 1)[-1])


def _command_tool(snippet: Snippet, tools: tuple[str, ...]) -> str | None:
    """The tool whose command line a shell snippet uses first."""
    for line in snippet.code.splitlines():
        for word in re.findall(r"[\w./-]+", line):
            tool = CLI_TOOLS.get(word.rsplit("/", 1)[-1])
            if tool in tools:
                return tool
    return None


def _page_tool(snippet: Snippet, tools: tuple[str, ...]) -> str | None:
    """A page or folder named after a tool (``airflow-patterns.md``, ``examples/airflow/``) lends it its tool."""
    path = PurePath(snippet.page)
    words = [*path.parts[:-1], *re.split(r"[-_.]", path.name)]
    return next((tool for tool in tools if tool in words), None)
