"""What ruff's rules about Airflow find in a snippet: habits that no import and no signature betrays."""

from __future__ import annotations

import ast
import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .model import Check, Finding, Language, Result

# 3xx: removed, moved, changed in Airflow 3; 003: a variable read at each parse; 304: a DAG that differs at each parse
RULES = ("AIR003", "AIR301", "AIR302", "AIR303", "AIR304", "AIR311", "AIR312", "AIR321")


def find_airflow_habits(checks: Sequence[Check]) -> dict[int, list[Finding]]:
    """Findings by the id of each check, for the Airflow snippets among them; nothing where ruff is not installed."""
    asked = [c for c in checks if c.tool == "airflow" and c.snippet.language is Language.PYTHON and not c.snippet.marks.raises]
    beside = Path(sys.executable).with_name("ruff")
    ruff = str(beside) if beside.exists() else shutil.which("ruff")
    if not asked or ruff is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="airflow-rules-") as folder:
        for number, check in enumerate(asked):
            Path(folder, f"{number}.py").write_text(check.source, encoding="utf-8")
        options = ["--isolated", "--preview", "--no-cache", "--exit-zero", "--output-format", "json", "--target-version", "py311"]
        done = subprocess.run(
            [ruff, "check", "--select", ",".join(RULES), *options, folder], stdin=subprocess.DEVNULL, capture_output=True
        )
    found: dict[int, list[Finding]] = {}
    for item in json.loads(done.stdout or "[]"):
        check = asked[int(Path(item["filename"]).stem)]
        line = item["location"]["row"]
        # a syntax error is told by whoever loads the snippet
        if item["code"] in RULES and not (item["code"] == "AIR003" and _runs_later(check.source, line)):
            found.setdefault(id(check), []).append(Finding(line, item["code"], " ".join(item["message"].split())))
    return found


def _runs_later(source: str, line: int) -> bool:
    """Whether a line stands in a function that parsing does not run: neither a DAG's own nor called by the module itself."""
    tree = ast.parse(source)
    called = {node.func.id for node in _at_parse_time(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.lineno <= line <= (node.end_lineno or line):
            return node.name not in called and not any("dag" in ast.unparse(decorator) for decorator in node.decorator_list)
    return False


def _at_parse_time(tree: ast.Module) -> Iterator[ast.AST]:
    """What importing the module runs: everything outside of functions that are no DAG."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            decorators = getattr(child, "decorator_list", [])
            if not is_function or any("dag" in ast.unparse(decorator) for decorator in decorators):
                waiting.append(child)


def with_habits(result: Result, habits: list[Finding]) -> Result:
    """The result with the findings on lines that nothing else was found on."""
    told = {finding.line for finding in result.findings}
    added = [finding for finding in habits if finding.line not in told]
    if not added:
        return result
    return dataclasses.replace(result, passed=False, level=None, findings=(*result.findings, *added))
