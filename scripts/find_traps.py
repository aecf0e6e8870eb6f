#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# ///
"""Find what loads, is green, and does not do what its author meant.

  find_traps.py PROJECT_OR_FILE       what a project has of Dagster, Airflow, Prefect, Snowflake SQL, Databricks bundles and
                                      GitHub workflows, or one file; several may be named
  find_traps.py --explain D005        what goes wrong, what to write, the versions it was shown on
  find_traps.py . --write-baseline F  keep today's findings; with --baseline F only new ones are told

Loads the files in the project's own interpreter (.venv, uv, poetry, conda; --python names another one) and looks at the
live definitions; SQL and YAML are read. No body of an asset, check, task, flow, schedule or sensor runs; no variable of
yours is passed on; no connection leaves this machine. `# trap: ignore[D005] reason` on a definition keeps a finding quiet;
without a reason it does not. The project's pyproject.toml may say more: [tool.find-traps] with exclude, baseline, and
ignore = { D007 = "reason" }.

Exit code: 0 nothing found, or hints only; 1 traps, or a file that does not load; 2 could not look (no such path, no
interpreter with the tool, nothing of these tools in it), 130 interrupted.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent
PLACES = [str(place) for place in (SCRIPTS, SCRIPTS / "trap_rules.zip") if place.exists()]  # in the upload the rules are one file
sys.path[:0] = PLACES

from research_protocol.interpreters import Interpreter, choose_interpreter, environments_below, find_interpreters
from research_protocol.model import CannotLookError
from research_protocol.project_files import list_files
from snippet_checker.isolation import scrubbed_environment
from trap_rules import embedded_loaded, embedded_traps, warm
from trap_rules.baseline import without_baseline, write_baseline
from trap_rules.load_files import RULES_OF
from trap_rules.model import Finding, Rule
from trap_rules.reports import LOAD, as_annotations, as_junit, as_sarif
from trap_rules.settings import Settings, read_settings
from trap_rules.sources import called_name

Choose = Callable[[str, Sequence[str], Path, Path | None], Mapping[Interpreter, list[str]]]  # tool, files, project, --python
START = f"""\
import sys
sys.path[:0] = {PLACES}
from trap_rules.load_files import main
sys.path[:] = [place for place in sys.path if place not in {PLACES}]
main()
"""
NOTHING = (
    f"no Python file in it imports {', '.join(RULES_OF)}, and there is no Snowflake SQL, Databricks bundle or workflow; "
    "nothing was checked"
)
START_WARM = START.replace("trap_rules.load_files", "trap_rules.warm")
START_EMBEDDED = f"""\
import dataclasses, json, sys
sys.path[:0] = {PLACES}
from pathlib import Path
from trap_rules.embedded_traps import find_in_files
job = json.loads(sys.stdin.read())
print(json.dumps([dataclasses.asdict(one) for one in find_in_files(job["files"], Path(job["root"]))]))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        if options.explain:
            return explain(options.explain)
        if options.end_warm:
            print(f"ended: {', '.join(warm.end_all()) or 'none was running'}")
            return 0
        settings = read_settings(options.paths[0], {rule.id for own in all_rules().values() for rule in own})
        findings: dict[Finding, None] = {}
        looked_at: list[str] = []
        for root, files in projects(options.paths, settings):
            looked_at += [file for own in files.values() for file in own]
            findings |= dict.fromkeys(find_in(root, files, options))
        if not looked_at and not options.allow_nothing:
            raise CannotLookError(f"{', '.join(map(str, options.paths))}: {NOTHING}")
        return tell(list(filter(settings.lets_through, findings)), looked_at, settings, options)
    except CannotLookError as error:
        print(json.dumps({"error": str(error)}) if options.format == "json" else f"find_traps.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PROJECT_OR_FILE", help="folders, Python files, SQL, YAML")
    parser.add_argument("--python", type=Path, help="the project's interpreter, instead of the one that is found")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a variable that loading needs")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="time limit to load a file (30)")
    parser.add_argument("--format", choices=("text", "json", "sarif", "junit", "github"), default="text")
    parser.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there, and the text of it to the terminal")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="tell only what this file does not hold")
    parser.add_argument("--write-baseline", type=Path, metavar="FILE", help="keep what is found in this file, and end with 0")
    parser.add_argument("--allow-nothing", action="store_true", help="end with 0 where there is nothing to look at")
    parser.add_argument("--keep-warm", action="store_true", help="leave a process per tool running for the next check")
    parser.add_argument("--end-warm", action="store_true", help="end the processes that were left running")
    parser.add_argument("--explain", metavar="ID", help="what a rule means, with its fix")
    options = parser.parse_args(arguments)
    if not options.paths and not options.explain and not options.end_warm:
        parser.error("name a project folder or a file, or --explain ID")
    if wrong := [text for text in options.set if "=" not in text]:
        parser.error(f"--set {wrong[0]}: write NAME=VALUE")
    return options


def explain(name: str) -> int:
    rules = {rule.id: rule for own in all_rules().values() for rule in own}
    rule = rules.get(name.upper())
    if rule is None:
        raise CannotLookError(f"no rule {name}; there are {', '.join(rules)}")
    hint = "\na hint: it may be meant so, and fails no check" if rule.hint else ""
    print(f"{rule.id}: ... {rule.message}{hint}\nwhat goes wrong: {rule.harm}\ninstead: {rule.fix}")
    print(f"shown on: {rule.holds_for}\nkeep quiet: # trap: ignore[{rule.id}] reason\npage: {rule.anchor}")
    return 0


# --- finding


def all_rules() -> dict[str, tuple[Rule, ...]]:
    """The rules of each tool, and of what is embedded in a platform."""
    loaded = {tool: importlib.import_module(f"trap_rules.{module}").RULES for tool, module in RULES_OF.items()}
    return loaded | {"embedded": embedded_traps.RULES}


def projects(paths: Sequence[Path], settings: Settings) -> Iterator[tuple[Path, dict[str, list[str]]]]:
    """What to look at: each folder with its files by tool, and the single files together, as one project."""
    single: dict[str, list[str]] = {}
    for path in paths:
        files = files_by_tool(path, settings)
        if path.is_dir():
            yield path, files
        else:
            single = {tool: [*single.get(tool, []), *files.get(tool, [])] for tool in {**single, **files}}
    named = [path for path in paths if not path.is_dir()]
    if single:
        yield (named[0] if len(named) == 1 else settings.root), single


def find_in(path: Path, files: dict[str, list[str]], options: argparse.Namespace, choose: Choose | None = None) -> list[Finding]:
    """Findings of one project or file, tool by tool; raises CannotLookError when there is nothing to look with.

    Where that is so for one of several tools, it is a finding, and the others are looked into.
    """
    choose = choose or interpreters_for
    refuse_useless(options.python, [tool for tool in files if tool != "embedded"], path)
    found: list[Finding] = []
    failed: dict[str, CannotLookError] = {}
    for tool, own in files.items():
        if tool != "embedded":
            try:
                for python, part in choose(tool, own, path, options.python).items():
                    found += find_with(part, path, python, tool, options)
            except CannotLookError as error:
                failed[tool] = error
    if failed and len(failed) == len(files):
        raise next(iter(failed.values()))
    for tool, reason in failed.items():
        message = f"none of {len(files[tool])} files with {tool} was looked into: {str(reason).partition('; name ')[0]}"
        found.append(
            Finding(shown(files[tool][0]), 1, LOAD, message, f"name an interpreter that can import {tool} with --python")
        )
    return found + find_embedded(files.get("embedded", []), path, options, choose)


def refuse_useless(named: Path | None, tools: Sequence[str], path: Path) -> None:
    """Raise CannotLookError when the named interpreter has none of the tools that it is needed for."""
    if named and tools and not any(has_tool(choose_interpreter(path, named), tool) for tool in tools):
        raise CannotLookError(f"{named} has no {' and no '.join(tools)}; name the interpreter of the project's environment")


def find_embedded(files: list[str], path: Path, options: argparse.Namespace, choose: Choose) -> list[Finding]:
    """Findings in SQL, YAML and scripts, which are read and not loaded; without PyYAML here, by an interpreter with it."""
    root = path.absolute() if path.is_dir() else path.absolute().parent
    if importlib.util.find_spec("yaml") or not any(file.endswith((".yml", ".yaml")) for file in files):
        found = [dataclasses.asdict(one) for one in embedded_traps.find_in_files(files, root)]
    else:
        python = next(iter(choose("yaml", [str(path)], path, options.python)))
        job = json.dumps({"files": files, "root": str(root)})
        command = [python.path, "-c", START_EMBEDDED]
        done = subprocess.run(command, input=job, env=environment_for(python.path), capture_output=True, text=True)
        if done.returncode:
            raise CannotLookError(f"{python.path}: {(done.stderr.strip().splitlines() or ['no answer'])[-1]}")
        found = json.loads(done.stdout)
    return [Finding(**{**one, "path": shown(one["path"])}) for one in found]


def find_with(files: list[str], path: Path, python: Interpreter, tool: str, options: argparse.Namespace) -> list[Finding]:
    """Findings in the files of one tool, looked into by an interpreter that has it."""
    root = path.absolute() if path.is_dir() else path.absolute().parent
    with tempfile.TemporaryDirectory(prefix="find-traps-") as folder:
        answers = Path(folder, "answers")
        job = {"files": files, "root": str(root), "tool": tool, "timeout": options.timeout, "folder": folder}
        job |= {"answers": str(answers), "variables": dict(text.split("=", 1) for text in options.set)}
        said = "" if ask_warm(job, python.path, options) else look_in_process(job, python.path)
        lines = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()] if answers.exists() else []
    if lines and "machine" in lines[0]:
        raise CannotLookError(f"{lines[0]['machine']} ({python.found_by}); name an interpreter that has it with --python")
    if len(lines) < len(files):
        raise CannotLookError(f"{python.path} looked into {len(lines)} of {len(files)} files and ended: {said}")
    return [Finding(**{**one, "path": shown(one["path"])}) for line in lines for one in line["findings"]]


def ask_warm(job: dict[str, Any], python: str, options: argparse.Namespace) -> bool:
    """Have a job done by the process that was left running for this interpreter, or is to be; False if there is none."""
    rules = next(place for place in (SCRIPTS / "trap_rules", SCRIPTS / "trap_rules.zip") if place.exists())
    try:
        address = warm.address_of(job["tool"], python, rules)
        if options.keep_warm:
            warm.start(address, job["tool"], python, START_WARM, environment_for(python))
    except warm.NotStartedError as error:
        raise CannotLookError(str(error)) from None
    return warm.ask(address, job)


def look_in_process(job: dict[str, Any], python: str) -> str:
    """Do a job in a process of its own; the last line that it said, or its exit code."""
    environment, folder = environment_for(python), job["folder"]
    command = [python, "-c", START]
    done = subprocess.run(command, input=json.dumps(job), env=environment, cwd=folder, capture_output=True, text=True)
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def interpreters_for(tool: str, files: Sequence[str], path: Path, named: Path | None) -> dict[Interpreter, list[str]]:
    """The files by the interpreter of each: a folder of the project that has an environment of its own is loaded with that."""
    usual = interpreter_with(tool, path, named)
    own = [] if named else [one for one in environments_below(path) if has_package(one, tool)]
    inner = {folder: one for one in own if (folder := Path(one.path).parents[2]) != path.absolute()}
    found: dict[Interpreter, list[str]] = {}
    for file in files:
        nearest = next((inner[folder] for folder in Path(file).absolute().parents if folder in inner), usual)
        found.setdefault(nearest, []).append(file)
    return found


def interpreter_with(tool: str, path: Path, named: Path | None) -> Interpreter:
    """The named interpreter if it has the tool, else the first of the project's, or of folders in it, that has it."""
    given = choose_interpreter(path, named) if named else None
    if given and has_tool(given, tool):
        return given
    found = [*find_interpreters(path), *environments_below(path)]
    able = next((one for one in found if has_package(one, tool)), None)
    if given and able:
        return replace(able, found_by=f"{able.found_by}; the one of --python has no {tool}")
    return able or given or found[0]


@cache
def has_tool(python: Interpreter, tool: str) -> bool:
    """Whether an interpreter can import a package, from wherever it takes its packages."""
    if has_package(python, tool):
        return True
    code = f"import importlib.util as own; raise SystemExit(own.find_spec({tool!r}) is None)"
    try:
        done = subprocess.run([python.path, "-c", code], env=environment_for(python.path), cwd="/", stderr=subprocess.DEVNULL)
    except OSError as error:
        raise CannotLookError(f"{python.path} cannot be run: {error.strerror}; name the project's interpreter") from None
    return done.returncode == 0


def has_package(python: Interpreter, tool: str) -> bool:
    """Whether an environment holds a package, without starting its interpreter."""
    return any(Path(python.path).parent.parent.glob(f"[Ll]ib*/**/site-packages/{tool}/__init__.py"))


def environment_for(python: str) -> dict[str, str]:
    """No variable of the user's but the harmless ones; the environment's own commands, such as dbt, come first."""
    kept = scrubbed_environment(os.environ)
    return kept | {"PYTHONWARNINGS": "ignore", "PATH": f"{Path(python).parent}{os.pathsep}{kept.get('PATH', '')}"}


def shown(path: str) -> str:
    """A path as the reader would type it: from the working directory, when it lies below."""
    here = os.path.relpath(path)
    return path if here.startswith("..") else here


def files_by_tool(path: Path, settings: Settings) -> dict[str, list[str]]:
    """The files to load with each tool: those that import it, but no test; of Dagster, where it has some, the code locations."""
    found = files_that_import(path, settings)
    locations = {file: tree for file, tree in found.get("dagster", {}).items() if _has_definitions(tree)}
    files = {tool: list(locations if tool == "dagster" and locations else trees) for tool, trees in found.items()}
    embedded = [file for file in embedded_loaded.files_of(path) if not settings.excludes(file)]
    return files | ({"embedded": embedded} if embedded else {})


def files_that_import(path: Path, settings: Settings) -> dict[str, dict[str, ast.Module]]:
    """The Python files that import each tool, parsed; no test, unless it is the file that is named."""
    listed = [file for file in list_files(path).python if not settings.excludes(file)]
    names = [file for file in listed if path.is_file() or not Path(file).name.startswith(("test_", "conftest"))]
    found: dict[str, dict[str, ast.Module]] = {tool: {} for tool in RULES_OF}
    for file in names:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
        for tool in RULES_OF:
            if re.search(rf"^[ \t]*(?:from|import)[ \t][^#\n]*?\b{tool}(?:_\w+)?\b", text, re.MULTILINE):
                found[tool][file] = _parsed(text)
    return {tool: trees for tool, trees in found.items() if trees}


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.parse("defs = Definitions()")  # loading it says what is wrong, and where


def _has_definitions(tree: ast.Module) -> bool:
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
            if "Definitions" in ast.unparse(node.value.func) or called_name(node.value) == "load_from_defs_folder":
                return True
        elif isinstance(node, ast.FunctionDef) and any("definitions" in ast.unparse(one) for one in node.decorator_list):
            return True
    return False


# --- saying


def tell(findings: list[Finding], looked_at: list[str], settings: Settings, options: argparse.Namespace) -> int:
    """Print or write the report, without what the baseline holds; the exit code."""
    if options.write_baseline:
        write_baseline(options.write_baseline, findings, settings.root)
        print(f"{len(findings)} findings kept in {options.write_baseline}; check with --baseline {options.write_baseline}")
        return 0
    facts = []
    if baseline := options.baseline or settings.baseline:
        findings, known, gone = without_baseline(baseline, findings, settings.root)
        facts = [f"{known} in {baseline}"] + ([f"{gone} of its entries are found no more: write it again"] if gone else [])
    report = report_in(options.format, findings, looked_at, settings)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(report, encoding="utf-8")
        report = report_in("text", findings, looked_at, settings)
    print(report)
    if facts and (options.format == "text" or options.output):
        print("; ".join(facts))
    return 1 if any(not finding.hint for finding in findings) else 0


def report_in(form: str, findings: Sequence[Finding], looked_at: Sequence[str], settings: Settings) -> str:
    """The findings as text, JSON, SARIF, JUnit or GitHub's annotations."""
    if form == "json":
        return json.dumps({"findings": [dataclasses.asdict(one) for one in findings]}, ensure_ascii=False)
    if form == "sarif":
        rules = [rule for own in all_rules().values() for rule in own]
        return json.dumps(as_sarif(findings, rules, settings.root, skill_version()), indent=1, ensure_ascii=False)
    if form == "junit":
        return as_junit(findings, looked_at, settings.root).decode()
    if form == "github":
        return "\n".join([*as_annotations(findings, settings.root), summary(findings)])
    lines = [
        f"{one.path}:{one.line}: {one.id}{' (hint)' if one.hint else ''} {one.message}\n    instead: {one.fix}"
        for one in findings
    ]
    return "\n".join([*lines, summary(findings)])


def summary(findings: Sequence[Finding]) -> str:
    """The closing line."""
    traps = sum(not finding.hint for finding in findings)
    return f"{traps} found, {len(findings) - traps} hints" + ("; --explain ID says what goes wrong" if findings else "")


def skill_version() -> str:
    """The version that SKILL.md states."""
    found = re.search(r'version: "([^"]+)"', (SCRIPTS.parent / "SKILL.md").read_text(encoding="utf-8"))
    return found[1] if found else "0"


if __name__ == "__main__":
    sys.exit(main())
