"""Check a user's project: every file as its tool loads it, the names it uses, and the traps that no error announces.

``check.py PROJECT`` calls this. Standard library only: it runs on a user's machine, with the project's own interpreters.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import find_traps
from fix_project import apply_proved, patch, propose
from research_protocol.interpreters import Interpreter, choose_interpreter, environments_below, find_interpreters
from research_protocol.model import CannotLookError
from research_protocol.project_documents import find_documents
from research_protocol.project_files import list_files
from snippet_checker import environments
from snippet_checker.model import Check, Language, Level, MachineError, Marks, Result, Snippet
from snippet_checker.parse import read_file
from trap_rules.baseline import without_baseline, write_baseline
from trap_rules.ignore_comments import IgnoreComment, comment_for, read_ignore_comments, without_reason
from trap_rules.load_files import RULES_OF
from trap_rules.model import Finding
from trap_rules.reports import LOAD, as_junit, is_rule
from trap_rules.settings import Settings, read_settings

Prove = Callable[[list[Check], Mapping[str, Path]], Sequence[Result]]
Parts = Mapping[str, Mapping[Interpreter, list[str]]]  # tool -> its files, by the interpreter that loads them
PINS = "the pins of this pack; the project has no environment with it"
DBT_SECONDS, DBT_KIND = 120, "DbtParse"
KINDS = {  # what the files that are no Python say a folder is
    ("dagster", "dg settings"): "dg project",
    ("dagster", "workspace"): "Dagster workspace",
    ("dagster", "instance settings"): "Dagster instance",
    ("dagster", "component"): "Dagster component",
    ("airflow", "settings"): "Airflow settings",
    ("prefect", "project"): "Prefect project",
    ("dbt", "project"): "dbt project",
    ("databricks", "bundle"): "Databricks bundle",
    ("actions", "schedule"): "scheduled workflow",
}
_EMBEDDED = {".sql": "Snowflake SQL", ".yml": "YAML of a platform", ".yaml": "YAML of a platform"}


@dataclass
class Found:
    """What came of a project so far: findings, files that passed, lines that say what was looked at and how."""

    findings: list[Finding] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)


def is_project(paths: Sequence[str], root: Path) -> bool:
    """Whether folders were named that hold somebody's code: no folder of this pack, and a tool's files in each."""
    folders = [Path(path) for path in paths]
    if not folders or not all(folder.is_dir() and not folder.resolve().is_relative_to(root) for folder in folders):
        return False
    return all(find_traps.files_by_tool(folder, Settings(folder)) or dbt_projects(folder) for folder in folders)


def check_project(options: argparse.Namespace, prove: Prove) -> int:
    """Check the folders of ``options.paths``; print or write the report; return the exit code.

    Raises MachineError where an interpreter is missing or the settings are wrong.
    """
    try:
        rules = {rule.id for own in find_traps.all_rules().values() for rule in own}
        settings = read_settings(Path(options.paths[0]), rules)
        found = Found()
        for path in map(Path, options.paths):
            look_into(path, settings, options, prove, found)
        found.findings = heard(found.findings, settings)
        if options.diff or options.fix:
            return mend(found, settings, options, prove)
        return tell(found, settings, options)
    except CannotLookError as error:
        raise MachineError(str(error)) from None


def look_into(
    path: Path,
    settings: Settings,
    options: argparse.Namespace,
    prove: Prove,
    found: Found,
    chosen: Parts | None = None,
) -> None:
    """Add to ``found`` what one folder holds, tool by tool; ``chosen`` are the interpreters, where that was done before."""
    wanted = {tool for tool in RULES_OF if not options.tool or tool in options.tool}
    importing = {tool: list(files) for tool, files in find_traps.files_that_import(path, settings).items() if tool in wanted}
    find_traps.refuse_useless(options.python, list(importing), path)
    parts = chosen or {tool: choose_pythons(tool, files, path, options.python) for tool, files in importing.items()}
    found.facts += recognised(path) if not options.tool else []
    for tool, python, files in each_part(parts):
        found.facts.append(f"{tool}: {_counted(files)} with {python.path} ({python.found_by})")
    if options.level is Level.RUNS:
        announce(parts, options)
    elif options.select:
        raise CannotLookError("--select chooses what is executed: add --level runs")
    with ThreadPoolExecutor(1) as beside:  # both load every file, each in processes of its own: on two cores, at one time
        traps = beside.submit(traps_of, path, settings, options, parts) if options.level in (None, Level.LOADS) else None
        results = [result for layer in layers(parts) for result in prove_layer(layer, parts, path, options, prove)]
    add_results(results, options.select, found)
    if traps:
        add_traps(*traps.result(), found)
    if not options.tool and chosen is None:  # no mechanical fix changes what dbt reads
        found.findings += check_dbt(path, options, found)
    found.looked_at += [file for files in importing.values() for file in files]


def each_part(parts: Parts) -> Iterator[tuple[str, Interpreter, list[str]]]:
    """Each tool's files, by the interpreter that loads them."""
    for tool, by_python in parts.items():
        for python, files in by_python.items():
            yield tool, python, files


def layers(parts: Parts) -> Iterator[dict[str, tuple[Interpreter, list[str]]]]:
    """What is proved together: one interpreter of each tool; first all first ones, then, where a tool has more, the second."""
    for number in range(max((len(by_python) for by_python in parts.values()), default=0)):
        yield {tool: list(own.items())[number] for tool, own in parts.items() if number < len(own)}


def prove_layer(
    layer: Mapping[str, tuple[Interpreter, list[str]]], parts: Parts, path: Path, options: argparse.Namespace, prove: Prove
) -> Sequence[Result]:
    """The results of the files of one layer, and of the settings of Dagster that belong to them."""
    checks = [make_check(Path(file), tool, options) for tool, (_, files) in layer.items() for file in files]
    if "dagster" in layer and not options.select:
        named = documents_named("workspace.yaml", path) + documents_named("dagster.yaml", path)
        own = layer["dagster"][0]
        checks += [
            make_settings_check(file) for file in named if own == python_of_settings(file, path, parts["dagster"], options)
        ]
    return prove(checks, {tool: Path(python.path) for tool, (python, _) in layer.items()})


def python_of_settings(file: Path, path: Path, parts: Iterable[Interpreter], options: argparse.Namespace) -> Interpreter:
    """The interpreter that reads a settings file: that of the code around it, else the first."""
    (around,) = find_traps.interpreters_for("dagster", [str(file)], path, options.python)
    return around if around in parts else next(iter(parts))


def recognised(path: Path) -> list[str]:
    """One line that names what the settings of the tools say the folder is; none where there are no such files."""
    places: dict[str, list[str]] = {}
    for one in find_documents(list_files(path))[0]:
        if kind := KINDS.get((one.tool, one.kind)):
            places.setdefault(kind, []).append(find_traps.shown(str(path.absolute() / one.path)))
    said = [f"{kind} ({own[0]}{f' and {len(own) - 1} more' if own[1:] else ''})" for kind, own in places.items()]
    return [f"recognised: {', '.join(said)}"] if said else []


def documents_named(name: str, path: Path) -> list[Path]:
    """The project's own files of one name."""
    return [Path(file) for file in list_files(path).others if Path(file).name == name]


def choose_pythons(tool: str, files: Sequence[str], path: Path, named: Path | None) -> dict[Interpreter, list[str]]:
    """The files by interpreter: the named one, else the project's, each if it has the tool, else the locked one of this pack."""
    found: dict[Interpreter, list[str]] = {}
    for python, own in find_traps.interpreters_for(tool, files, path, named).items():
        found[python if find_traps.has_tool(python, tool) else pinned_python(tool, named)] = own
    return found


def pinned_python(tool: str, named: Path | None) -> Interpreter:
    """The locked interpreter of this pack, for what neither the named one nor the project has."""
    found_by = f"{PINS}; the one of --python has no {tool}" if named else PINS
    return Interpreter(str(environments.prepare(tool, lambda line: print(line, file=sys.stderr))), found_by)


def make_check(file: Path, tool: str, options: argparse.Namespace) -> Check:
    """The check of one file where it lies, with the interpreter of one tool."""
    snippet = read_file(file, find_traps.shown(str(file)), in_place=True)
    exercise_with = {"select": list(options.select)} if options.select else {}
    selected = replace(snippet, marks=Marks(exercise_with=exercise_with))
    return Check(selected, tool, options.level or Level.LOADS, snippet.code.rstrip("\n") + "\n", snippet.problems)


def make_settings_check(file: Path) -> Check:
    """The check of a workspace.yaml or dagster.yaml against the schema of Dagster's own loader."""
    code = file.read_text(encoding="utf-8", errors="replace")
    snippet = Snippet(find_traps.shown(str(file)), 1, code.count("\n") + 1, Language.YAML, code, Marks())
    return Check(snippet, "dagster", Level.LOADS, code)


def announce(parts: Parts, options: argparse.Namespace) -> None:
    """Say before anything runs what will be executed, and with what."""
    what = f"only {', '.join(options.select)}" if options.select else "everything that they define"
    for tool, python, files in each_part(parts):
        pages = ", ".join(map(find_traps.shown, files))
        print(f"{tool}: runs {what} in {pages}, with {python.path} ({python.found_by})", file=sys.stderr)
    print("no variable of yours reaches it, no connection leaves loopback, files go to a temporary folder", file=sys.stderr)


def mend(found: Found, settings: Settings, options: argparse.Namespace, prove: Prove) -> int:
    """Print the mechanical fixes as a patch; or apply those that a run has proved, and report what is left."""
    path = Path(options.paths[0])
    if len(options.paths) > 1:
        raise CannotLookError("--diff and --fix take one project at a time")
    importing = find_traps.files_that_import(path, settings)
    parts = {tool: choose_pythons(tool, list(files), path, options.python) for tool, files in importing.items()}
    proposals = propose(found.findings, next((python.path for _, python, _ in each_part(parts)), sys.executable))
    if options.diff:
        print(patch(proposals, path), end="")
        return 1 if proposals else 0
    below = Path("project", path.absolute().relative_to(settings.root)).as_posix()

    def look(folder: Path) -> list[Finding]:
        again = Found()
        own = replace(settings, root=folder.parents[below.count("/")] / "project")
        copied = {
            tool: {
                python: [str(folder / Path(file).relative_to(path.absolute())) for file in files] for python, files in by.items()
            }
            for tool, by in parts.items()
        }
        look_into(folder, own, options, prove, again, copied)
        return heard(again.findings, own)

    told, left = apply_proved(path, proposals, found.findings, look, below)
    found.findings = left + [one for one in found.findings if one.id == DBT_KIND and one not in left]
    found.facts += [*told, f"{_counted(list(proposals))} with a mechanical fix"]
    return tell(found, settings, options)


# --- what was found


def add_results(results: Sequence[Result], selected: Sequence[str], found: Found) -> None:
    """The findings of the checks, and the files that have none, with what they define or what of it was run."""
    for result in results:
        page = result.check.snippet.page
        found.findings += [Finding(page, one.line, one.kind, one.message, one.current) for one in result.findings]
        if result.passed and (result.note or not selected):
            level = result.level if result.check.snippet.language is Language.PYTHON else Level.LOADS
            passed = f"{page}: ok, {level} ({result.check.tool}, {result.seconds:.2f} s)"
            found.passed.append(f"{passed}: {result.note}" if result.note else passed)
    ran = {name for result in results for name in result.note.split(", ")}
    if all(result.passed for result in results) and (unknown := [name for name in selected if name not in ran]):
        raise CannotLookError(f"no asset, job, DAG or flow named {', '.join(unknown)}; leave --level out to see what there is")


def traps_of(path: Path, settings: Settings, options: argparse.Namespace, parts: Parts) -> tuple[list[Finding], list[str]]:
    """The traps of a folder, and the files that are read and not loaded."""
    files = {tool: own for tool, own in find_traps.files_by_tool(path, settings).items() if tool in parts or tool == "embedded"}
    if options.tool and "embedded" not in options.tool:
        files.pop("embedded", None)
    traps = find_traps.find_in(path, files, options, lambda tool, own, path, named: chosen_for(tool, own, path, named, parts))
    return traps, files.get("embedded", [])


def add_traps(traps: Sequence[Finding], embedded: Sequence[str], found: Found) -> None:
    """The traps, without those of a file that did not load: it has said so already."""
    if embedded:
        found.facts.append(f"read: {_counted(embedded)} ({', '.join(sorted(_kinds_of(embedded)))})")
        found.looked_at += embedded
    told = {one.path for one in found.findings}
    found.findings += [one for one in traps if one.id != LOAD or one.path not in told]


def chosen_for(tool: str, files: Sequence[str], path: Path, named: Path | None, parts: Parts) -> Mapping[Interpreter, list[str]]:
    """The interpreters that were chosen for a tool, each with those of the files that are its; to read YAML, any that can."""
    if tool in parts:
        shares = {python: [file for file in files if file in own] for python, own in parts[tool].items()}
        return {python: share for python, share in shares.items() if share}
    able = (python for _, python, _ in each_part(parts) if find_traps.has_package(python, tool))
    return {next(able, None) or find_traps.interpreter_with(tool, path, named): list(files)}


def _kinds_of(files: Iterable[str]) -> Iterator[str]:
    for file in files:
        if ".github" in Path(file).parts:
            yield "GitHub workflows"
        elif "bundle" in Path(file).read_text(encoding="utf-8", errors="replace")[:4000]:
            yield "Databricks bundle"
        else:
            yield _EMBEDDED.get(Path(file).suffix, "scripts")


def _counted(files: Sequence[str]) -> str:
    return f"{len(files)} file" + ("s" if len(files) > 1 else "")


def heard(findings: Iterable[Finding], settings: Settings) -> list[Finding]:
    """The findings, each fault once, without those that the settings or a comment keep quiet; a comment needs a reason."""
    told = []
    for one in filter(settings.lets_through, each_fault_once(list(dict.fromkeys(findings)))):
        comment = comment_on(one)
        if comment is None:
            told.append(one)
        elif not comment.reason:
            told.append(replace(one, message=f"{one.message} ({without_reason(comment)})"))
    return told


def each_fault_once(findings: list[Finding]) -> list[Finding]:
    """Without what the checker says of a fault that a trap tells too: the one of its file that stands nearest."""
    same: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        for rule in rules_that_tell(one):
            same.setdefault((one.path, rule), []).append(one)
    told: set[Finding] = set()
    for trap in findings:
        if left := [one for one in same.get((trap.path, trap.id), ()) if one not in told]:
            told.add(min(left, key=lambda one: abs(one.line - trap.line)))
    return [one for one in findings if one not in told]


def rules_that_tell(finding: Finding) -> list[str]:
    """The ids of the rules that find the same fault as the checker."""
    said = f"{finding.id}: {finding.message}"
    return [] if is_rule(finding.id) else [rule for rule, pattern in patterns_of_rules() if re.match(pattern, said)]


@cache
def patterns_of_rules() -> list[tuple[str, str]]:
    """The rules that find what the checker finds too, with the pattern of its words."""
    return [(rule.id, rule.same_as) for own in find_traps.all_rules().values() for rule in own if rule.same_as]


def comment_on(finding: Finding) -> IgnoreComment | None:
    """The comment about a finding that is no rule's: those of rules were asked already."""
    if is_rule(finding.id) or finding.id in (LOAD, "SyntaxError") or not finding.path.endswith(".py"):
        return None
    comments = read_ignore_comments(Path(finding.path).read_text(encoding="utf-8", errors="replace"))
    asked = (comment_for(name, finding.line, finding.line, comments) for name in [finding.id, *rules_that_tell(finding)])
    return next(filter(None, asked), None)


# --- dbt


def dbt_projects(path: Path) -> list[Path]:
    """The dbt projects at or below a folder, but not those of installed packages."""
    return documents_named("dbt_project.yml", path) + documents_named("dbt_project.yaml", path)


def check_dbt(path: Path, options: argparse.Namespace, found: Found) -> list[Finding]:
    """``dbt parse`` of every dbt project, into a temporary folder: no model runs and no warehouse is asked."""
    findings: list[Finding] = []
    for project in dbt_projects(path):
        python = python_with_dbt(project.parent, path, options.python)
        if python is None:
            found.facts.append(f"{find_traps.shown(str(project))}: not parsed; no environment of the project has dbt")
            continue
        found.looked_at.append(str(project))
        found.facts.append(f"dbt parse: {find_traps.shown(str(project))} with {python.path} ({python.found_by})")
        if problem := parse_dbt(project.parent, python):
            way_out = "mend what dbt names; `dbt parse` must pass without a variable of yours, or give its profile a default"
            findings.append(Finding(find_traps.shown(str(project)), 1, DBT_KIND, problem, way_out))
        else:
            found.passed.append(f"{find_traps.shown(str(project))}: ok, dbt parses it")
    return findings


def python_with_dbt(folder: Path, path: Path, named: Path | None) -> Interpreter | None:
    """The interpreter that is named, the nearest with dbt, or the locked one that dagster-dbt is in, where it is built."""
    own = [choose_interpreter(path, named)] if named else [*find_interpreters(folder), *environments_below(path)]
    candidates = own if named else [*own, Interpreter(str(environments.python_of("dagster")), PINS)]
    return next((one for one in candidates if _has_dbt(one)), None)


def _has_dbt(python: Interpreter) -> bool:
    return any(Path(python.path).parent.parent.glob("[Ll]ib*/**/site-packages/dbt/cli/main.py"))


def parse_dbt(folder: Path, python: Interpreter) -> str:
    """What dbt says that is wrong, or nothing."""
    with tempfile.TemporaryDirectory(prefix="dbt-parse-") as temporary:
        command = [python.path, "-m", "dbt.cli.main", "--log-path", temporary, "--log-format", "json", "parse"]
        command += ["--no-partial-parse", "--target-path", temporary, "--project-dir", str(folder)]
        if (folder / "profiles.yml").exists():
            command += ["--profiles-dir", str(folder)]
        environment = find_traps.environment_for(python.path) | {"HOME": temporary, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                command, cwd=temporary, env=environment, capture_output=True, text=True, timeout=DBT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"dbt parse did not end within {DBT_SECONDS} s"
    if done.returncode == 0:
        return ""
    return " ".join((_said_by_dbt(done.stdout) or done.stderr or "no message").split())[:600]


def _said_by_dbt(output: str) -> str:
    """The errors among dbt's log lines, else the last of them."""
    entries = [json.loads(line)["info"] for line in output.splitlines() if line.startswith("{")]
    errors = [entry["msg"] for entry in entries if entry.get("level") == "error" and entry.get("msg", "").strip()]
    return " ".join(errors) or (entries[-1]["msg"] if entries else "")


# --- the report


def tell(found: Found, settings: Settings, options: argparse.Namespace) -> int:
    """Print or write the report, without what the baseline holds; the exit code."""
    if options.write_baseline:
        write_baseline(options.write_baseline, found.findings, settings.root)
        print(f"{len(found.findings)} findings kept in {options.write_baseline}; check with --baseline {options.write_baseline}")
        return 0
    if baseline := options.baseline or settings.baseline:
        found.findings, known, gone = without_baseline(baseline, found.findings, settings.root)
        found.facts.append(
            f"{known} in {baseline}" + (f"; {gone} of its entries are found no more: write it again" if gone else "")
        )
    if options.junit:
        options.junit.write_bytes(as_junit(found.findings, found.looked_at, settings.root))
    form = "json" if options.json == "-" else options.format
    report = as_json(found, options) if form == "json" else report_in(form, found, settings)
    if options.json not in (None, "-"):
        Path(options.json).write_text(as_json(found, options) + "\n", encoding="utf-8")
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(report + "\n", encoding="utf-8")
        report = as_text(found)
    print(report)
    return 1 if any(not finding.hint for finding in found.findings) else 0


def report_in(form: str, found: Found, settings: Settings) -> str:
    """Text, or one of the forms that other programs read."""
    return as_text(found) if form == "text" else find_traps.report_in(form, found.findings, found.looked_at, settings)


def as_text(found: Found) -> str:
    """Findings first, one per line with its way out below; then the files that passed; then what was looked at."""
    lines = []
    for one in sorted(found.findings, key=lambda one: (one.path, one.line)):
        lines.append(f"{one.path}:{one.line}: {one.id}{' (hint)' if one.hint else ''}: {one.message}")
        lines += [f"    instead: {one.fix}"] if one.fix else []
    return "\n".join([*lines, *found.passed, *found.facts, find_traps.summary(found.findings)])


def as_json(found: Found, options: argparse.Namespace) -> str:
    """One object, nothing but what is needed to mend the code."""
    findings = [
        {"file": one.path, "line": one.line, "kind": one.id, "message": one.message}
        | ({"current": one.fix} if one.fix else {})
        | ({"hint": True} if one.hint else {})
        for one in found.findings
    ]
    good = all(one.hint for one in found.findings)
    level = (options.level or Level.LOADS) if good else None
    return json.dumps({"ok": good, "level": level, "looked_at": found.facts, "findings": findings}, ensure_ascii=False)
