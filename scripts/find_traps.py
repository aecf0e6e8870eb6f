#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# ///
"""Find what loads, is green, and does not do what its author meant.

  find_traps.py PROJECT_OR_FILE     every code location of a project, or one file; several may be named
  find_traps.py --explain D005      what goes wrong, what to write, the versions it was shown on

Loads the files in the project's own interpreter (.venv, uv, poetry, conda; --python names another one) and looks at the
live definitions. No body of an asset, check, schedule or sensor runs; no variable of yours is passed on; no connection
leaves this machine. `# trap: ignore[D005] reason` on a definition keeps a finding quiet; without a reason it does not.

Exit code: 0 nothing found, or hints only; 1 traps, or a file that does not load; 2 could not look (no such path, no
interpreter with Dagster, nothing of Dagster in it), 130 interrupted.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
sys.path.insert(0, str(SCRIPTS))

from research_protocol.interpreters import choose_interpreter
from research_protocol.model import CannotLookError
from research_protocol.project_files import list_files
from snippet_checker.isolation import scrubbed_environment
from trap_rules.dagster_traps import RULES
from trap_rules.model import Finding
from trap_rules.sources import called_name

START = "import sys; sys.path.insert(0, {0!r}); from trap_rules.load_files import main; sys.path.remove({0!r}); main()"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        if options.explain:
            return explain(options.explain)
        findings: dict[Finding, None] = {}
        for path in options.paths:
            findings |= dict.fromkeys(find_in(path, options))
        return say(list(findings), options.json)
    except CannotLookError as error:
        print(json.dumps({"error": str(error)}) if options.json else f"find_traps.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PROJECT_OR_FILE", help="folders or Python files")
    parser.add_argument("--python", type=Path, help="the project's interpreter, instead of the one that is found")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a variable that loading needs")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="time limit to load a file (30)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--explain", metavar="ID", help="what a rule means, with its fix")
    options = parser.parse_args(arguments)
    if not options.paths and not options.explain:
        parser.error("name a project folder or a Python file, or --explain ID")
    if wrong := [text for text in options.set if "=" not in text]:
        parser.error(f"--set {wrong[0]}: write NAME=VALUE")
    return options


def explain(name: str) -> int:
    rule = next((one for one in RULES if one.id == name.upper()), None)
    if rule is None:
        raise CannotLookError(f"no rule {name}; there are {', '.join(one.id for one in RULES)}")
    hint = "\na hint: it may be meant so, and fails no check" if rule.hint else ""
    print(f"{rule.id}: ... {rule.message}{hint}\nwhat goes wrong: {rule.harm}\ninstead: {rule.fix}")
    print(f"shown on: {rule.holds_for}\nkeep quiet: # trap: ignore[{rule.id}] reason\npage: {rule.anchor}")
    return 0


# --- finding


def find_in(path: Path, options: argparse.Namespace) -> list[Finding]:
    """Findings of one project or file; raises CannotLookError when there is nothing to look at, or nothing to look with."""
    files = dagster_files(path)
    if not files:
        raise CannotLookError(f"{path}: no Python file in it imports dagster; nothing was checked")
    root = path.absolute() if path.is_dir() else path.absolute().parent
    python = choose_interpreter(path, options.python)
    with tempfile.TemporaryDirectory(prefix="find-traps-") as folder:
        answers = Path(folder, "answers")
        job = {"files": files, "root": str(root), "tool": "dagster", "timeout": options.timeout, "folder": folder}
        job |= {"answers": str(answers), "variables": dict(text.split("=", 1) for text in options.set)}
        done = subprocess.run(
            [python.path, "-c", START.format(str(SCRIPTS))],
            input=json.dumps(job),
            env=environment_for(python.path),
            cwd=folder,
            capture_output=True,
            text=True,
        )
        lines = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()] if answers.exists() else []
    if lines and "machine" in lines[0]:
        raise CannotLookError(f"{lines[0]['machine']} ({python.found_by}); name the project's interpreter with --python")
    if len(lines) < len(files):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise CannotLookError(f"{python.path} looked into {len(lines)} of {len(files)} files and ended: {last}")
    return [Finding(**{**one, "path": shown(one["path"])}) for line in lines for one in line["findings"]]


def environment_for(python: str) -> dict[str, str]:
    """No variable of the user's but the harmless ones; the environment's own commands, such as dbt, come first."""
    kept = scrubbed_environment(os.environ)
    return kept | {"PYTHONWARNINGS": "ignore", "PATH": f"{Path(python).parent}{os.pathsep}{kept.get('PATH', '')}"}


def shown(path: str) -> str:
    """A path as the reader would type it: from the working directory, when it lies below."""
    here = os.path.relpath(path)
    return path if here.startswith("..") else here


def dagster_files(path: Path) -> list[str]:
    """The files to load: those with Definitions; where a project has none, every one that imports Dagster, but no test."""
    found = list_files(path).python
    if path.is_file():
        return found
    trees = dict(_dagster_trees(found))
    locations = [file for file, tree in trees.items() if _has_definitions(tree)]
    return locations or list(trees)


def _dagster_trees(files: Sequence[str]) -> Iterator[tuple[str, ast.Module]]:
    for file in files:
        if Path(file).name.startswith(("test_", "conftest")):
            continue
        text = Path(file).read_text(encoding="utf-8", errors="replace")
        if "dagster" in text:
            try:
                yield file, ast.parse(text)
            except SyntaxError:
                yield file, ast.parse("defs = Definitions()")  # loading it says what is wrong, and where


def _has_definitions(tree: ast.Module) -> bool:
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
            if "Definitions" in ast.unparse(node.value.func) or called_name(node.value) == "load_from_defs_folder":
                return True
        elif isinstance(node, ast.FunctionDef) and any("definitions" in ast.unparse(one) for one in node.decorator_list):
            return True
    return False


# --- saying


def say(findings: Sequence[Finding], as_json: bool) -> int:
    traps = [finding for finding in findings if not finding.hint]
    if as_json:
        print(json.dumps({"findings": [dataclasses.asdict(one) for one in findings]}, ensure_ascii=False))
        return 1 if traps else 0
    for one in findings:
        print(f"{one.path}:{one.line}: {one.id}{' (hint)' if one.hint else ''} {one.message}\n    instead: {one.fix}")
    hints = len(findings) - len(traps)
    print(f"{len(traps)} found, {hints} hints" + ("; --explain ID says what goes wrong" if findings else ""))
    return 1 if traps else 0


if __name__ == "__main__":
    sys.exit(main())
