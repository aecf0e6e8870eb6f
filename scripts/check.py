#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "check-jsonschema", "duckdb", "markdown-it-py", "rich", "ruamel-yaml", "sqlglot", "tree-sitter", "tree-sitter-bash",
#   "validate-pyproject", "watchfiles",
# ]
# ///
"""Prove that every snippet and example runs on the versions that the lock files name.

  check.py                      SKILL.md, README.md, references/ and examples/ of this pack
  check.py PAGE.md FOLDER/      these pages, and the examples below these folders
  check.py -                    Python code on standard input (what you have just written)
  check.py FILE.py              a file; --python PATH uses the project's own interpreter
  check.py PROJECT/             somebody's repository: each file as its tool loads it, its names, and the traps of find_traps.py
  check.py --docs DIR           Markdown that nobody here wrote

Exit code: 0 all good, 1 content is wrong, 2 the machine is (no environment, no index), 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from snippet_checker import docs_settings, environments, report
from snippet_checker.cache import Cache, check_key, kept_folder, kept_folder_of, restore
from snippet_checker.canary import canaries
from snippet_checker.discover import MissingPathError, example_tool, find_entry_files, find_pages
from snippet_checker.docs_settings import DocsEnvironment, read_docs_settings
from snippet_checker.model import Check, Language, Level, MachineError, Marks, Result, Snippet
from snippet_checker.parse import read_file
from snippet_checker.plan import imported_tools, in_environment, plan_checks, unnamed_environment, without_demands
from snippet_checker.run import Settings, fork_is_possible, run_all

ROOT = environments.ROOT
PACK = ("SKILL.md", "README.md", "CONTRIBUTING.md", "references", "examples")
OK, CONTENT, MACHINE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        if options.watch:
            from snippet_checker.watch import watch

            return watch(options, lambda: run(options))
        return run(options)
    except MissingPathError as error:
        print(error, file=sys.stderr)
        return CONTENT
    except MachineError as error:
        print(error, file=sys.stderr)
        return MACHINE
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return INTERRUPTED


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", help="pages, folders, Python files, or - for standard input")
    parser.add_argument("--docs", metavar="DIR", action="append", default=[], help="check Markdown nobody here wrote")
    parser.add_argument("--python", type=Path, help="the interpreter to check Python files with, instead of the pins")
    parser.add_argument("--level", type=Level, choices=list(Level), help="the most that is asked of a snippet")
    parser.add_argument("--only", metavar="PATH[:LINE]", action="append", default=[], help="only snippets there")
    parser.add_argument("--tool", action="append", choices=environments.TOOLS, default=[], help="only this tool's snippets")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2, help="snippets at once (default: the cores)")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="time limit per snippet (60)")
    parser.add_argument("--no-cache", action="store_true", help="run everything, whatever is known already")
    parser.add_argument("--shard", metavar="I/N", type=_shard, default=(1, 1), help="the I-th of N parts, for a CI matrix")
    parser.add_argument("--list", action="store_true", help="print what would be done, run nothing")
    parser.add_argument("--json", metavar="FILE", help="write results as JSON; - prints one compact object")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write results as JUnit XML")
    parser.add_argument("--no-fork", action="store_true", help="a process per snippet: slower, the same results")
    parser.add_argument("--keep-warm", action="store_true", help="leave the warm processes running for the next check")
    parser.add_argument("--end-warm", action="store_true", help="end the warm processes that were left running")
    project = parser.add_argument_group("a project")
    project.add_argument("--select", metavar="NAME", nargs="+", default=[], help="with --level runs: only these definitions")
    project.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="a variable that loading a file of it needs"
    )
    project.add_argument("--format", choices=("text", "json", "sarif", "junit", "github"), default="text")
    project.add_argument("--output", type=Path, metavar="FILE", help="write the report there, and its text to the terminal")
    project.add_argument("--diff", action="store_true", help="print the mechanical fixes as a patch, change nothing")
    project.add_argument("--fix", action="store_true", help="apply the mechanical fixes whose result a run has proved")
    project.add_argument("--baseline", type=Path, metavar="FILE", help="tell only what this file does not hold")
    project.add_argument("--write-baseline", type=Path, metavar="FILE", help="keep what is found in this file, and end with 0")
    parser.add_argument("--watch", action="store_true", help="check again what changes, until interrupted")
    options = parser.parse_args(arguments)
    if wrong := [text for text in options.set if "=" not in text]:
        parser.error(f"--set {wrong[0]}: write NAME=VALUE")
    return options


def _shard(text: str) -> tuple[int, int]:
    part, _, whole = text.partition("/")
    if not (part.isdigit() and whole.isdigit() and 1 <= int(part) <= int(whole)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard; write 1/3 for the first of three")
    return int(part), int(whole)


def run(options: argparse.Namespace) -> int:
    """One check from paths to exit code."""
    if options.end_warm:
        return end_warm()
    if options.paths and "-" not in options.paths and not options.docs and is_folder(options.paths):
        from check_project import check_project, is_project

        if is_project(options.paths, ROOT):
            return check_project(options, lambda checks, pythons: prove_project(checks, pythons, options))
    if settings := list(dict.fromkeys(one for folder in options.docs for one in read_docs_settings(Path(folder)))):
        return check_docs(settings, options)
    if options.select:
        raise MissingPathError("--select names definitions of a project: check.py PROJECT --level runs --select NAME")
    started = time.monotonic()
    plan = make_plan(options)
    for check in plan.checks:
        environment_of(check.snippet, ())
    if not plan.checks:
        raise MissingPathError(
            f"no snippet found in {', '.join(plan.asked)}; name a Markdown page, a Python file or a folder of them"
        )
    if options.list:
        return print_plan(plan.checks)
    results, facts = prove(plan, options)
    return say(results, plan, options, facts, time.monotonic() - started)


def is_folder(paths: Sequence[str]) -> bool:
    return all(Path(path).is_dir() for path in paths)


def prove_project(checks: list[Check], pythons: Mapping[str, Path], options: argparse.Namespace) -> list[Result]:
    """The results of a project's files, each with the interpreter of its tool."""
    if not checks:
        return []
    results, _ = prove(Plan(checks, options.paths, own_code=True, python=options.python, pythons=pythons), options)
    return results


def check_docs(settings: Sequence[DocsEnvironment], options: argparse.Namespace) -> int:
    """Check documentation whose pyproject.toml says which environment proves which pages; the pins prove the others."""
    started = time.monotonic()
    whole = make_plan(options)
    results: dict[int, Result] = {}
    facts: list[str] = []
    groups = list(grouped(whole.checks, settings))
    for environment, own in groups:
        plan = replace(whole, checks=own) if environment is None else plan_for(own, environment, whole, options, facts)
        some, said = prove(plan, options)
        results |= {id(check): result for check, result in zip(own, some, strict=True)}
        facts += said
    if not results:
        raise MissingPathError(f"no snippet found in {', '.join(whole.asked)}; name a folder with Markdown pages")
    facts += [f"{one.name}: no page is in its paths" for one in settings if one not in dict(groups)]
    ordered = [results[id(check)] for check in whole.checks]
    return say(ordered, whole, options, facts, time.monotonic() - started, own_pins=False)


def grouped(checks: Sequence[Check], settings: Sequence[DocsEnvironment]) -> Iterator[tuple[DocsEnvironment | None, list[Check]]]:
    """The checks of each environment that has some, and last those that none is for."""
    found: dict[DocsEnvironment | None, list[Check]] = {key: [] for key in (*settings, None)}
    for check in checks:
        found[environment_of(check.snippet, settings)].append(check)
    yield from ((environment, own) for environment, own in found.items() if own)


def environment_of(snippet: Snippet, settings: Sequence[DocsEnvironment]) -> DocsEnvironment | None:
    """The one that a mark names, else the first whose paths match the page. Raises MachineError for a name that is none."""
    named = snippet.marks.environment
    if named is None:
        return next((one for one in settings if one.is_for(Path(snippet.page))), None)
    if known := [one for one in settings if one.name == named]:
        return known[0]
    names = ", ".join(one.name for one in settings) or "none"
    raise MachineError(f"{snippet.place}: the mark names the environment {named!r}; [[{docs_settings.TABLE}]] has {names}")


def plan_for(
    checks: Sequence[Check], environment: DocsEnvironment, whole: Plan, options: argparse.Namespace, facts: list[str]
) -> Plan:
    """The checks as one environment proves them."""
    python = docs_settings.prepare(environment)
    level = options.level or environment.level
    own = []
    for check in checks:
        tool = (
            docs_settings.tool_for(check.tool, environment, python) if check.snippet.language is Language.PYTHON else check.tool
        )
        if check.snippet.language is Language.BASH and tool != docs_settings.tool_for(tool, environment, python):
            tool = None
        own.append(in_environment(check, tool, level))
    facts.append(f"{environment.name}: {len(own)} snippets with {environment.python or environment.lock.name}")
    pythons = dict.fromkeys(environments.TOOLS, python)
    return replace(whole, checks=own, pythons=pythons, identity=docs_settings.identity(environment))


# --- what is to be checked


@dataclass(frozen=True)
class Plan:
    """The checks of one run, the interpreters they need, and whether this is somebody's code or the pack's pages."""

    checks: list[Check]
    asked: list[str]
    own_code: bool
    python: Path | None
    pythons: Mapping[str, Path] = field(default_factory=dict)
    identity: str = ""


def make_plan(options: argparse.Namespace) -> Plan:
    asked = [*options.paths, *options.docs] or [str(ROOT / name) for name in PACK if (ROOT / name).exists()]
    own_code = bool(options.paths) and all(_is_code(path, options) for path in options.paths)
    if own_code:
        snippets = read_code(options.paths)
    else:
        snippets = read_pages(asked, options)
    level = options.level or (Level.LOADS if own_code else Level.RUNS)
    tools = tuple(options.tool) or environments.TOOLS
    checks = plan_checks(snippets, environments.TOOLS, level)
    checks = list(map(unnamed_environment, checks)) if options.docs else checks
    checks = [check for check in checks if not options.tool or check.tool in tools]
    checks = [check for check in checks if not options.only or any(_is_at(check, place) for place in options.only)]
    part, whole = options.shard
    return Plan(checks[part - 1 :: whole], asked, own_code, options.python)


def _is_code(path: str, options: argparse.Namespace) -> bool:
    """Code that a user wrote, as opposed to pages and to examples of this pack."""
    if path == "-" or options.python:
        return True
    where = Path(path)
    return where.suffix == ".py" and example_tool(where) is None


def read_code(paths: Sequence[str]) -> list[Snippet]:
    snippets = []
    for path in paths:
        if path == "-":
            code = sys.stdin.buffer.read().decode("utf-8-sig", errors="replace")
            snippets.append(Snippet("stdin.py", 1, code.count("\n") + 1, Language.PYTHON, code, Marks()))
            continue
        where = Path(path)
        if not where.exists():
            raise MissingPathError(f"{where}: no such file or folder")
        files = [where] if where.is_file() else [f for f in sorted(where.rglob("*.py")) if _is_own(f.relative_to(where))]
        found = [read_file(file, str(file), in_place=True) for file in files]
        snippets += found if where.is_file() else [s for s in found if imported_tools(s)]
    return snippets


def _is_own(path: Path) -> bool:
    skipped = ("site-packages", "node_modules", "__pycache__", "venv", "target", "build", "dist")
    is_test = path.name.startswith("test_") or path.name.endswith("_test.py") or path.name == "conftest.py"
    return not is_test and not any(part.startswith(".") or part in skipped for part in path.parts)


def read_pages(paths: Sequence[str], options: argparse.Namespace) -> list[Snippet]:
    cache = open_cache()
    foreign = bool(options.docs)
    snippets: list[Snippet] = []
    for page in find_pages(Path(path) for path in paths):
        snippets += cache.snippets(page, _name(page), foreign)
    for file in [] if foreign else find_entry_files(Path(path) for path in paths):
        snippets.append(read_file(file, _name(file), folder=file.resolve().parent))
    cache.close()
    return [without_demands(snippet) for snippet in snippets] if foreign else snippets


def _name(path: Path) -> str:
    """The path as a reader names it: from where they stand, else from the pack's root."""
    for base in (Path.cwd(), ROOT):
        try:
            return str(path.resolve().relative_to(base))
        except ValueError:
            continue
    return str(path)


def _is_at(check: Check, place: str) -> bool:
    path, _, line = place.rpartition(":")
    if not line.isdigit():
        path, line = place, ""
    snippet = check.snippet
    named = snippet.page == path or snippet.page.startswith(path.rstrip("/") + "/") or Path(snippet.page) == Path(path)
    return named and (not line or snippet.line - 2 <= int(line) <= snippet.end_line + 1)


def print_plan(checks: Sequence[Check]) -> int:
    for check in checks:
        marks = check.snippet.marks
        raises = f" raises {marks.raises}" if marks.raises else ""
        print(f"{check.place}: {check.snippet.language} {check.tool or 'documents'} {check.level}{raises}")
    print(f"{len(checks)} snippets")
    return OK


# --- proving it


def prove(plan: Plan, options: argparse.Namespace) -> tuple[list[Result], list[str]]:
    """The results in the order of the checks, and facts about the run for its closing lines."""
    cache = None if options.no_cache else open_cache()
    folders: dict[str, bytes] = {}
    keys = {id(check): check_key(check, identity(check, plan), folders) for check in plan.checks} if cache else {}
    stored = cache.results(list(keys.values())) if cache else {}
    known = {id(c): restore(c, stored[keys[id(c)]]) for c in plan.checks if keys.get(id(c)) in stored}
    missing = [check for check in plan.checks if id(check) not in known]
    facts: list[str] = []
    tools = sorted({check.tool or "tooling" for check in (missing or plan.checks) if not check.problems})
    birds = [bird for tool in tools for bird in canaries(tool, _highest_level(missing or plan.checks))]
    if missing or not (cache and _known_to_fail(birds, cache, plan, facts)):
        sung = 0
        for result in run_missing([*birds, *missing], tools, plan, options):
            if result.check in birds:
                sung += _must_have_failed(result)
            else:
                known[id(result.check)] = result
            if cache:
                cache.keep(keys.get(id(result.check)) or check_key(result.check, identity(result.check, plan)), result)
        if sung != len(birds):
            raise MachineError(f"the checker is broken: {len(birds) - sung} of its canaries gave no result")
        facts.append(f"{len(birds)} canaries that must fail did fail")
    if cache:
        cache.close()
    lost = [check.place for check in plan.checks if id(check) not in known]
    if lost:
        raise MachineError(f"the checker lost {len(lost)} of {len(plan.checks)} snippets: {', '.join(lost[:5])}")
    return [known[id(check)] for check in plan.checks], facts


def identity(check: Check, plan: Plan) -> str:
    """What identifies the environment that proves a check: its lock, or the interpreter that was named."""
    if plan.pythons and (check.tool or "tooling") != "tooling":
        return plan.identity or os.urandom(8).hex()
    if plan.python:
        return f"{plan.python.absolute()} {plan.python.stat().st_mtime_ns if plan.python.exists() else ''} {os.urandom(8).hex()}"
    tool = check.tool or "tooling"
    return environments.lock_hash(tool) if tool in (*environments.TOOLS, "tooling") else ""


def run_missing(checks: Sequence[Check], tools: Sequence[str], plan: Plan, options: argparse.Namespace) -> Iterator[Result]:
    """Results of ``checks``, canaries among them, as they come."""
    pythons = {tool: interpreter(tool, plan) for tool in tools}
    settings = make_settings(options, tools, pythons, pinned=not (plan.python or plan.pythons))
    asked = {id(check) for check in plan.checks}
    with progress(sum(id(check) in asked for check in checks), options, plan) as advance:
        for result in run_all(checks, pythons, settings):
            if id(result.check) in asked:
                advance()
            yield result


def _highest_level(checks: Sequence[Check]) -> Level:
    return max((check.level for check in checks), key=lambda one: -list(Level).index(one), default=Level.RUNS)


def _known_to_fail(birds: Sequence[Check], cache: Cache, plan: Plan, facts: list[str]) -> bool:
    """Whether the cache tells each canary that it keeps as failed; one that was killed is never kept."""
    keys = {check_key(bird, identity(bird, plan)): bird for bird in birds}
    stored = cache.results(list(keys))
    for key, value in stored.items():
        _must_have_failed(restore(keys[key], value))
    facts.append(f"{len(stored)} canaries that must fail are known to have failed")
    return bool(stored) or not birds


def _must_have_failed(result: Result) -> int:
    if result.passed:
        raise MachineError(f"the checker is broken: the snippet of {result.check.snippet.page} must fail, and passed")
    return 1


def interpreter(tool: str, plan: Plan) -> Path:
    if tool == "tooling":
        return Path(sys.executable)
    if tool in plan.pythons:
        return plan.pythons[tool]
    if plan.python:
        if not plan.python.exists():
            raise MachineError(f"{plan.python}: no such interpreter; pass the python of the project's environment")
        return plan.python.absolute()
    return environments.prepare(tool, lambda line: print(line, file=sys.stderr))


def make_settings(options: argparse.Namespace, tools: Sequence[str], pythons: dict[str, Path], pinned: bool) -> Settings:
    fork = fork_is_possible() and not options.no_fork
    settings = Settings(
        jobs=max(1, options.jobs),
        timeout=options.timeout,
        fork=fork,
        kept=kept_folder if pinned else lambda tool: kept_folder_of(tool, pythons[tool]),
        variables={} if pinned else dict(text.split("=", 1) for text in options.set),
    )
    if not (fork and pinned):
        return settings
    from snippet_checker import warm

    if options.keep_warm or options.watch:
        for tool in tools:
            warm.keep_warm(tool, pythons[tool], settings)
    return replace(settings, sockets=warm.socket_path)


def end_warm() -> int:
    import find_traps  # noqa: F401  # it knows where the rules are: a folder here, a zip in the upload
    from snippet_checker import warm
    from trap_rules import warm as warm_traps

    ended = [tool for tool in (*environments.TOOLS, "tooling") if warm.end_warm(tool)]
    ended = list(dict.fromkeys([*ended, *warm_traps.end_all()]))
    print(f"ended: {', '.join(ended) or 'none was running'}")
    return OK


def open_cache() -> Cache:
    return Cache(ROOT / ".cache" / "results.sqlite")


# --- saying it


def progress(total: int, options: argparse.Namespace, plan: Plan) -> AbstractContextManager[Callable[[], None]]:
    """A bar over the snippets, on a terminal only; as a context it hands out the function that moves it."""
    if plan.own_code or not sys.stderr.isatty():
        return nullcontext(lambda: None)
    from snippet_checker.progress import bar

    return bar(total)


def say(
    results: Sequence[Result],
    plan: Plan,
    options: argparse.Namespace,
    facts: Sequence[str],
    seconds: float,
    own_pins: bool = True,
) -> int:
    if options.junit:
        report.write_junit(results, options.junit)
    if options.json == "-":
        print(report.compact_json(results))
        return report.exit_code(results)
    versions = {tool: environments.locked_version(tool) for tool in environments.TOOLS if own_pins}
    if options.json:
        report.write_json(results, Path(options.json), versions)
    if plan.own_code:
        all_loaded = all(result.passed and result.level is Level.LOADS for result in results)
        report.print_plain(results, "loaded and accepted; to exercise it: --level runs" if all_loaded else "")
        return report.exit_code(results)
    from rich.console import Console

    cached = sum(result.cached for result in results)
    closing = f"{len(results)} snippets in {seconds:.1f} s, {cached} of them known from before"
    console = Console(width=None if sys.stdout.isatty() else 140)
    report.print_report(results, console, versions, [*facts, closing])
    return report.exit_code(results)


if __name__ == "__main__":
    sys.exit(main())
