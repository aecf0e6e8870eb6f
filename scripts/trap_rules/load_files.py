"""Load the files of a project in its own interpreter and look for traps. Standard library only; one process per project.

The tool is imported once; each file is loaded in a fork of its own, with a time limit, and cannot disturb the next one.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from snippet_checker import isolation

from .model import Finding

RULES_OF = {"dagster": "dagster_traps"}


def main() -> None:
    """Read a job from standard input; write one line of JSON for each file to the file that ``answers`` names.

    The job: ``files``, ``root``, ``tool``, ``timeout`` (seconds for each file), ``folder`` (empty, for this run alone),
    ``answers``, ``variables`` (the only ones of the user that a file sees).
    """
    job = json.loads(sys.stdin.read())
    sys.dont_write_bytecode = True
    sys.path[:] = [entry for entry in sys.path if entry]
    isolation.close_network()
    isolation.limit_resources()
    try:
        importlib.import_module(job["tool"])
        rules: Any = importlib.import_module(f"trap_rules.{RULES_OF[job['tool']]}")
        _import_what_files_share(job)
    except ImportError as error:
        Path(job["answers"]).write_text(json.dumps({"machine": f"{sys.executable} has no {job['tool']}: {error}"}) + "\n")
        return
    with open(job["answers"], "w", encoding="utf-8") as answers:
        for number, file in enumerate(job["files"]):
            found = _in_fork(rules, Path(file), job, Path(job["folder"], str(number)))
            answers.write(json.dumps({"file": file, "findings": [dataclasses.asdict(one) for one in found]}) + "\n")
            answers.flush()


def _import_what_files_share(job: dict[str, Any]) -> None:
    """Import the tool's own packages that the files name, once for all of them; what fails here is told by its file."""
    nodes = [node for file in job["files"] for node in _nodes(file)]
    for name in sorted({name for node in nodes for name in _imported(node)}):
        if name.split(".")[0].startswith(f"{job['tool']}_"):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _nodes(file: str) -> list[ast.AST]:
    try:
        return list(ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))))
    except (OSError, SyntaxError, ValueError):
        return []


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def _in_fork(rules: Any, file: Path, job: dict[str, Any], folder: Path) -> list[Finding]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setpgid(0, 0)
        _answer(rules, file, job, folder, writing)
        os._exit(0)
    os.close(writing)
    try:
        text = _read_until(reading, time.monotonic() + job["timeout"])
    finally:
        os.close(reading)
        isolation.end_group(child)
        _, status = os.waitpid(child, 0)
    if text is None:
        return [_not_loaded(file, 1, f"loading did not end within {job['timeout']:g} s", "do not wait or loop at import")]
    if not text:
        ended = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
        return [_not_loaded(file, 1, f"loading ended the process ({ended})", "do not leave the process at import")]
    return [Finding(**one) for one in json.loads(text)]


def _read_until(pipe: int, deadline: float) -> str | None:
    """All that the child writes; None when it has not closed the pipe by ``deadline``."""
    parts: list[bytes] = []
    while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(pipe, 1 << 16)
        if not part:
            return b"".join(parts).decode()
        parts.append(part)
    return None


def _answer(rules: Any, file: Path, job: dict[str, Any], folder: Path, writing: int) -> None:
    """In the child: load, look, write; whatever the file does, one answer."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    os.set_inheritable(writing, False)
    folder.mkdir()
    connections: list[str] = []
    isolation.watch_connections(connections)
    isolation.enter_folder(folder)
    os.environ["DAGSTER_HOME"] = str(folder / "home")
    os.environ |= job.get("variables", {})
    try:
        found = rules.find_traps(_load(file), file, Path(job["root"]))
    except BaseException as error:  # a file may raise SystemExit, KeyboardInterrupt or worse
        found = [_not_loaded(file, _line_in(error, file), _reason(error, connections), _way_out(error, connections))]
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps([dataclasses.asdict(one) for one in found]))


def _load(file: Path) -> ModuleType:
    """Import the file: one in a package under its dotted name, any other under its own, as `dagster dev -f` does."""
    package_root = file.parent
    while (package_root / "__init__.py").exists():
        package_root = package_root.parent
    project = next((p for p in file.parents if (p / "pyproject.toml").exists() or (p / ".git").exists()), package_root)
    roots = [file.parent] if package_root == file.parent else []
    sys.path[:0] = [str(folder) for folder in dict.fromkeys([*roots, package_root, project / "src", project]) if folder.is_dir()]
    if package_root != file.parent:
        return importlib.import_module(".".join(file.relative_to(package_root).with_suffix("").parts))
    from snippet_checker.run_snippet import load_module

    return load_module(file, file.stem)


def _not_loaded(file: Path, line: int, message: str, way_out: str) -> Finding:
    return Finding(str(file), line, "LOAD", f"not looked into: {message}", way_out)


def _line_in(error: BaseException, file: Path) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return next((line for line in reversed(lines) if line), 1)


def _reason(error: BaseException, connections: list[str]) -> str:
    if connections:
        return f"it connects to {connections[0]} while it loads"
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{type(cause).__name__}: {' '.join(str(cause).split())[:300]}"


def _way_out(error: BaseException, connections: list[str]) -> str:
    if connections:
        return "move the call into the body of an asset, sensor or resource"
    if isinstance(error, ModuleNotFoundError):
        return "name the project's own interpreter with --python"
    if isinstance(error, KeyError) and "environ" in "".join(traceback.format_tb(error.__traceback__)[-1:]):
        return "no variable of yours is passed on: read it at run time with dg.EnvVar, or give it with --set NAME=VALUE"
    return "mend what the message names; the file must load as `dagster definitions validate -f` loads it"
