"""Run one snippet in this process: resolve, load, exercise, test. Standard library only; one call per process."""

from __future__ import annotations

import ast
import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from . import isolation
from .live_names import find_stale_names, is_owned, is_said_straight_to, is_said_to_library, is_stale
from .locate import line_named_in, string_within
from .probe_failure import ProbeFailure


def run_snippet(job: dict[str, Any], probe: Any, folder: Path) -> dict[str, Any]:
    """Do what ``job`` asks and say what came of it: ``{findings, raised, exercised, seconds}``.

    ``job`` holds ``source``, ``language``, ``line``, ``name`` (file stem), ``level``, and what its mark asks for.
    ``folder`` is an empty folder that belongs to this run alone.
    """
    started = time.perf_counter()
    connections: list[str] = []
    if job.get("isolated", True):
        isolation.limit_resources()
        isolation.watch_connections(connections)
    work = isolation.enter_folder(folder)
    os.environ |= job.get("variables", {})
    sys.dont_write_bytecode = True
    sys.argv = [job["name"]]
    path = _place_file(job, work)
    outcome: dict[str, Any] = {"findings": [], "raised": None, "exercised": []}
    try:
        with _RecordedWarnings(path, probe.ROOTS, outcome["findings"]):
            _WAYS.get(job.get("language", "python"), _prove_document)(job, probe, path, outcome)
    except BaseException as error:  # a snippet may raise SystemExit, KeyboardInterrupt or worse
        outcome["raised"] = _describe(error, path, job["line"])
    for address in connections:
        _add(outcome, job["line"], "NetworkAccess", f"opened a connection to {address}; a snippet must run offline")
    outcome["findings"] = _unique(outcome["findings"])
    outcome["seconds"] = time.perf_counter() - started
    return outcome


def _place_file(job: dict[str, Any], work: Path) -> Path:
    if job.get("in_place"):
        path = Path(job["in_place"])
        sys.path[:0] = [str(folder) for folder in _import_roots(path)]
        return path
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.duckdb", "target", "logs", "test_*.py")
    if job.get("folder"):
        shutil.copytree(job["folder"], work, dirs_exist_ok=True, ignore=ignored)
    for folder in map(Path, job.get("beside") or ()):
        _place_beside(folder, work, ignored)
    sys.path.insert(0, str(work))
    path = work / f"{job['name']}.py"
    path.write_text(job["source"], encoding="utf-8")
    return path


def _place_beside(folder: Path, work: Path, ignored: Any) -> None:
    """Put a folder of the examples beside the snippet: a harness with the conftest.py that loads it, an example as it is."""
    if folder.name != "harness":
        shutil.copytree(folder, work, dirs_exist_ok=True, ignore=ignored)
        return
    shutil.copytree(folder, work / "harness", dirs_exist_ok=True, ignore=ignored)
    sys.path.insert(0, str(work / "harness"))
    if (folder.parent / "conftest.py").exists():
        shutil.copy(folder.parent / "conftest.py", work)


def _import_roots(path: Path) -> list[Path]:
    """The folders a project's own imports start from: beside the file, and above its outermost package."""
    package_root = path.parent
    while (package_root / "__init__.py").exists():
        package_root = package_root.parent
    project = next((p for p in path.parents if (p / "pyproject.toml").exists() or (p / ".git").exists()), package_root)
    roots = [path.parent, package_root, project / "src", project]
    return [root for root in dict.fromkeys(roots) if root.is_dir() and not (root / "__init__.py").exists()]


def _prove_python(job: dict[str, Any], probe: Any, path: Path, outcome: dict[str, Any]) -> None:
    stale = find_stale_names(job["source"], probe)
    outcome["findings"] += stale
    errors = [f for f in stale if not _is_deprecation(f["kind"])]
    if job["level"] == "parses" or (errors and not job.get("raises")):
        return
    probe.enter(path)
    loaded = probe.load(path, job["name"])
    if job["level"] == "loads":
        outcome["exercised"] += probe.names_in(probe.validate(loaded))
        return
    settings = job.get("exercise_with") or {}
    if settings.get("select"):
        outcome["exercised"] += probe.exercise(loaded, settings | {"also_run": True})
        return
    also_run = bool(_test_names(job["source"]) or _main_guards(job["source"]))
    outcome["exercised"] += probe.exercise(loaded, settings | {"also_run": also_run})
    outcome["exercised"] += _run_tests(path) + _run_main_guard(path)
    if not outcome["exercised"] and not _acts_at_top_level(job["source"]):
        raise ProbeFailure("NothingToRun", probe.NOTHING_DEFINED)


def _prove_shell(job: dict[str, Any], probe: Any, path: Path, outcome: dict[str, Any]) -> None:
    """Hold every command of the tool against its CLI; execute the snippet only when its mark says `run`."""
    from .command_lines import check_command, is_installed

    probe.enter(path)
    for line, words in job["commands"]:
        try:
            if not is_installed(words[0]):
                raise ProbeFailure("NotInstalled", f"{words[0]} is not part of this environment; is it in pyproject.toml?")
            check_command(words)
        except ProbeFailure as failure:
            failure.line = line
            raise
        outcome["exercised"].append(words[0])
    if job.get("run"):
        _execute_shell(job, path)


def _execute_shell(job: dict[str, Any], path: Path) -> None:
    script = path.with_suffix(".sh")
    script.write_text(job["source"], encoding="utf-8")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(["bash", "-euo", "pipefail", str(script)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ProbeFailure("CommandFailed", f"ended with exit code {done.returncode}: {said}")


def _prove_document(job: dict[str, Any], probe: Any, path: Path, outcome: dict[str, Any]) -> None:
    """Configuration that a tool reads goes to that tool; everything else to the tooling's own parsers."""
    if hasattr(probe, "check_file"):
        probe.enter(path)
        outcome["level"] = probe.check_file(job)
        return
    from .documents import check_document

    outcome["level"] = check_document(job)


_WAYS = {"python": _prove_python, "bash": _prove_shell}


def _is_deprecation(kind: str) -> bool:
    return any(word in kind for word in ("Deprecat", "Supersession", "Superseded", "RemovedIn", "FutureWarning"))


def place_sample(probe: Any, folder: Path) -> Path:
    """Write the probe's sample snippet into ``folder`` for a rehearsal; return its path."""
    path = folder / "rehearsed_sample.py"
    path.write_text(probe.SAMPLES[0], encoding="utf-8")
    return path


def load_module(path: Path, name: str) -> ModuleType:
    """Import the file under its own name, as orchestrators do: its ``__main__`` block does not run."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _run_main_guard(path: Path) -> list[str]:
    guards = _main_guards(path.read_text(encoding="utf-8"))
    if not guards or any(_serves(guard) for guard in guards):
        return []
    try:
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit as leave:
        if leave.code not in (None, 0):
            raise ProbeFailure("SystemExit", f"the __main__ block ends with exit code {leave.code}", guards[0].lineno) from leave
    return ["__main__"]


def _main_guards(source: str) -> list[ast.If]:
    return [n for n in ast.parse(source).body if isinstance(n, ast.If) and "__name__" in ast.unparse(n.test)]


def _serves(guard: ast.If) -> bool:
    """Whether a main block starts what runs until it is interrupted: ``flow.serve(...)``."""
    calls = [node.func for node in ast.walk(guard) if isinstance(node, ast.Call)]
    return any((getattr(call, "attr", None) or getattr(call, "id", None)) in ("serve", "serve_forever") for call in calls)


def _test_names(source: str) -> list[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [n.name for n in ast.parse(source).body if isinstance(n, functions) and n.name.startswith("test_")]


def _acts_at_top_level(source: str) -> bool:
    """Whether the module itself calls or asserts something: then loading it was already running it."""
    body = ast.parse(source).body
    return any(isinstance(n, (ast.Assert, ast.For, ast.While, ast.With, ast.Try)) or _is_call(n) for n in body)


def _is_call(node: ast.stmt) -> bool:
    """Whether a statement is there for what it does: a bare call, or one that runs something and keeps what came of it."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        return getattr(node.value.func, "attr", getattr(node.value.func, "id", None)) in ("materialize", "execute_in_process")
    return isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await))


def _run_tests(path: Path) -> list[str]:
    """Run the ``test_*`` functions of the snippet with pytest; raise ProbeFailure for the first that fails."""
    names = _test_names(path.read_text(encoding="utf-8"))
    if not names:
        return []
    import pytest

    sys.modules.pop(path.stem, None)  # pytest imports it again, with its assertions rewritten
    reports = _Reports(path)
    arguments = [str(path), "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(path.parent), "-c", os.devnull]
    code = pytest.main(arguments, plugins=[reports])
    if reports.failed:
        raise reports.failed[0]
    if code or len(reports.passed) < len(names):
        raise ProbeFailure("PytestError", f"pytest ran {len(reports.passed)} of {len(names)} tests and ended with {code!r}")
    return reports.passed


class _Reports:
    """A pytest plugin that keeps which tests passed, and the line and message of those that did not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passed: list[str] = []
        self.failed: list[ProbeFailure] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = crash.message.splitlines()[0] if crash else str(report.longrepr)[-300:]
            kind, _, rest = message.partition(": ")
            kind = kind.split(".")[-1] if all(part.isidentifier() for part in kind.split(".")) else "AssertionError"
            self.failed.append(ProbeFailure(kind, f"{report.nodeid.split('::')[-1]}: {rest or message}", self.line_in(report)))
        elif report.when == "call" and report.passed:
            self.passed.append(report.nodeid)

    def line_in(self, report: Any) -> int | None:
        """The last line of the snippet on the way to the error, which itself may lie in a library."""
        chain = getattr(report.longrepr, "chain", ())
        places = [entry.reprfileloc for traceback, *_ in chain for entry in traceback.reprentries if entry.reprfileloc]
        lines = [place.lineno for place in places if Path(place.path).name == self.path.name]
        return lines[-1] if lines else None

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(ProbeFailure("CollectionError", str(report.longrepr)[-300:]))


# --- what went wrong, in the reader's terms


class _RecordedWarnings(warnings.catch_warnings):  # type: ignore[type-arg]
    """Turns each warning that the snippet's own line caused, and that says "on its way out", into a finding."""

    def __init__(self, path: Path, roots: tuple[str, ...], findings: list[dict[str, Any]]) -> None:
        super().__init__(record=False)
        self.path, self.roots, self.findings = str(path), roots, findings

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("always")
        warnings.showwarning = self.show

    def show(self, message: Any, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
        if not is_stale(category, str(message)):
            return
        if filename != self.path:  # the tool's own categories count where the snippet's line led to them
            owned = is_owned(category.__module__, self.roots) and not is_said_to_library(category, self.roots)
            lineno = self.line_on_stack() if owned or is_said_straight_to(self.path, filename) else 0
        if lineno:
            self.findings.append({"line": lineno, "kind": category.__name__, "message": str(message), "current": ""})

    def line_on_stack(self) -> int:
        """The line of the snippet that is being executed, or 0 when no frame of it is on the stack."""
        lines = (line for frame, line in traceback.walk_stack(None) if frame.f_code.co_filename == self.path)
        return next(lines, 0)


def _describe(error: BaseException, path: Path, first_line: int) -> dict[str, Any]:
    """The error with its causes: names of all classes it is an instance of, message, and line of the snippet."""
    chain = _causes(error)
    lines = [line for link in chain for line in _lines_in(link, path)]
    kind = getattr(error, "kind", None) or type(error).__name__
    message = _message(error)
    source = path.read_text(encoding="utf-8")
    known = getattr(error, "line", None) or _line_of_step(chain, path)
    named = string_within(source, known, message) if known else line_named_in(source, message)
    line = (lines[-1] if lines else None) or named or known or first_line
    deepest = chain[-1]
    repeated = isinstance(error, ProbeFailure) or str(deepest).split("\n")[0] in message
    if deepest is not error and str(deepest) and not repeated:
        message += f" (caused by {type(deepest).__name__}: {_message(deepest)})"
    kinds = {kind, *(name for link in chain for name in _class_names(link))}
    return {"kind": kind, "kinds": sorted(kinds), "message": message, "line": line, "current": getattr(error, "current", "")}


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    if isinstance(error, SystemExit):
        return f"the snippet ends itself with SystemExit({error.code!r}) before its work was exercised"
    if isinstance(error, MemoryError):
        return f"went past the memory limit of {isolation.MEMORY_LIMIT >> 30} GiB"
    return (str(error).strip() or type(error).__name__)[:1000]


def _class_names(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__ if kind not in (object, BaseException, Exception)]


def _causes(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (link := chain[-1].__cause__ or chain[-1].__context__) is not None and link not in chain:
        chain.append(link)
    return chain


def _lines_in(error: BaseException, path: Path) -> list[int]:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path) and f.lineno]
    if isinstance(error, SyntaxError) and error.filename in (str(path), "<unknown>") and error.lineno:
        lines.append(error.lineno)
    return lines


def _line_of_step(chain: list[BaseException], path: Path) -> int | None:
    """The line of the function that an orchestrator's error names, when none of the snippet's frames is in it."""
    names = [getattr(link, attribute, None) for link in chain for attribute in ("op_name", "step_key", "task_id")]
    if not any(names):
        return None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {n.name: n.lineno for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
    return next((functions[name] for name in names if name in functions), None)


def _add(outcome: dict[str, Any], line: int, kind: str, message: str) -> None:
    outcome["findings"].append({"line": line, "kind": kind, "message": message, "current": ""})


def _unique(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    seen: dict[tuple[int, str], dict[str, Any]] = {}
    for finding in findings:
        seen.setdefault((finding["line"], finding["message"]), finding)
    return list(seen.values())
