"""Load the files of a project in its own interpreter and look for traps. Standard library only; one process per project.

The tool is imported once; each file is loaded in a fork of its own, with a time limit, and cannot disturb the next one.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import gc
import importlib
import importlib.util
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
from .sources import remember_imports

RULES_OF = {"dagster": "dagster_traps", "airflow": "airflow_traps", "prefect": "prefect_traps"}
VARIABLES_OF = {
    "dagster": {"DAGSTER_HOME": "{folder}/home"},
    "airflow": {
        "AIRFLOW_HOME": "{folder}/home",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": "50",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__OPENLINEAGE__DISABLED": "True",
    },
    "prefect": {"PREFECT_HOME": "{folder}/home", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"},
}
LOADED_BY = {
    "dagster": "`dagster definitions validate -f` loads it",
    "airflow": "`airflow dag-processor` loads it",
    "prefect": "`python FILE` does",
}

MOST_AT_ONCE, LEAST_EACH = 4, 4  # processes, and files that make one worth it
COLLECT_EVERY = 20_000  # allocations between collections in a child, which lives for a file


def main() -> None:
    """Read a job from standard input; write one line of JSON for each file to the file that ``answers`` names.

    The job: ``files``, ``root``, ``tool``, ``timeout`` (seconds for each file), ``folder`` (empty, for this run alone),
    ``answers``, ``variables`` (the only ones of the user that a file sees).
    """
    job = json.loads(sys.stdin.read())
    isolation.end_with_parent()
    prepare(job["tool"], Path(job["folder"]))
    try:
        rules = import_rules(job["tool"])
    except ImportError as error:
        Path(job["answers"]).write_text(json.dumps({"machine": f"{sys.executable} has no {job['tool']}: {error}"}) + "\n")
        return
    import_what_files_share(job)
    settle()
    look_into_files(rules, job)


def prepare(tool: str, folder: Path) -> None:
    """Close the network, bound memory and files, and give the tool a home below ``folder``, before it is imported."""
    sys.dont_write_bytecode = True
    sys.path[:] = [entry for entry in sys.path if entry]
    isolation.close_network()
    isolation.limit_resources()
    _set_variables(tool, folder)


def import_rules(tool: str) -> Any:
    """The module of rules of a tool, which is imported with it; raises ImportError."""
    importlib.import_module(tool)
    rules = importlib.import_module(f"trap_rules.{RULES_OF[tool]}")
    getattr(rules, "prepare", list)()
    return rules


def settle() -> None:
    """Make this process cheap to fork: a child's collector visits none of what is here, and copies none of its pages."""
    gc.collect()
    gc.freeze()
    isolation.gather_memory()


def look_into_files(rules: Any, job: dict[str, Any]) -> None:
    """Look into the files of a job, a few at once, and write the answers in their order."""
    getattr(rules, "read_index", lambda files, root: None)(job["files"], Path(job["root"]))
    remember_imports()
    places = dict(enumerate(job["files"]))
    share = min(os.cpu_count() or 1, MOST_AT_ONCE, max(1, len(places) // LEAST_EACH))
    shares = [dict(list(places.items())[number::share]) for number in range(share)]
    parts = [Path(f"{job['answers']}.{number}") for number in range(share)]
    for child in [_start_share(rules, own, job, part) for own, part in zip(shares, parts, strict=True)]:
        os.waitpid(child, 0)
    lines = [line for part in parts if part.exists() for line in part.read_text(encoding="utf-8").splitlines()]
    order = {file: number for number, file in places.items()}
    lines.sort(key=lambda line: order[json.loads(line)["file"]])
    Path(job["answers"]).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _start_share(rules: Any, files: dict[int, str], job: dict[str, Any], target: Path) -> int:
    """A process that looks into some of the files, one after the other, and writes its answers to ``target``."""
    child = os.fork()
    if child:
        return child
    try:
        isolation.end_with_parent()
        with open(target, "w", encoding="utf-8") as answers:
            for number, file in files.items():
                found = _in_fork(rules, Path(file), job, Path(job["folder"], str(number)))
                answers.write(json.dumps({"file": file, "findings": [dataclasses.asdict(one) for one in found]}) + "\n")
                answers.flush()
    except Exception:
        traceback.print_exc()  # the command shows its last line
    finally:
        os._exit(0)


def _set_variables(tool: str, folder: Path) -> None:
    """A home of the tool's own below ``folder``, and no message to anyone."""
    os.environ |= {name: value.format(folder=folder) for name, value in VARIABLES_OF[tool].items()}


def import_what_files_share(job: dict[str, Any]) -> None:
    """Import the tool's own packages that the files name, once for all of them; what fails here is told by its file."""
    nodes = [node for file in job["files"] for node in _nodes(file)]
    for name in sorted({name for node in nodes for name in _imported(node)}):
        if name.startswith((f"{job['tool']}_", f"{job['tool']}.")) and _is_installed(name.partition(".")[0]):
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _is_installed(package: str) -> bool:
    """Whether it comes with the environment; a project of that name, even one installed editable, changes."""
    spec = importlib.util.find_spec(package)
    return spec is not None and any(
        "site-packages" in place for place in [spec.origin or "", *(spec.submodule_search_locations or [])]
    )


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
        isolation.end_with_parent()
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
    gc.set_threshold(COLLECT_EVERY, 20, 20)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    os.set_inheritable(writing, False)
    folder.mkdir()
    connections: list[str] = []
    isolation.watch_connections(connections)
    isolation.enter_folder(folder)
    _set_variables(job["tool"], folder)
    os.environ |= job.get("variables", {})
    try:
        found = _look_into(rules, file, Path(job["root"]))
        if connections and any(one.id == "LOAD" for one in found):  # a tool that keeps import errors hides their cause
            raise ConnectionRefusedError(connections[0])
    except BaseException as error:  # a file may raise SystemExit, KeyboardInterrupt or worse
        way_out = _way_out(error, connections, job["tool"])
        found = [_not_loaded(file, _line_in(error, file), _reason(error, connections), way_out)]
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps([dataclasses.asdict(one) for one in found]))


def _look_into(rules: Any, file: Path, root: Path) -> list[Finding]:
    """What the rules find; a module of rules with ``look_into`` loads the file in its tool's own way."""
    if hasattr(rules, "look_into"):
        _extend_path(file)
        found: list[Finding] = rules.look_into(file, root)
    else:
        found = rules.find_traps(_load(file), file, root)
    return found


def _load(file: Path) -> ModuleType:
    """Import the file: one in a package under its dotted name, any other under its own, as `dagster dev -f` does."""
    package_root = _extend_path(file)
    if package_root != file.parent:
        return importlib.import_module(".".join(file.relative_to(package_root).with_suffix("").parts))
    from snippet_checker.run_snippet import load_module

    return load_module(file, file.stem)


def _extend_path(file: Path) -> Path:
    """Make importable what stands beside the file and in its project; return the folder above its packages."""
    package_root = file.parent
    while (package_root / "__init__.py").exists():
        package_root = package_root.parent
    project = next((p for p in file.parents if (p / "pyproject.toml").exists() or (p / ".git").exists()), package_root)
    roots = [file.parent] if package_root == file.parent else []
    sys.path[:0] = [str(folder) for folder in dict.fromkeys([*roots, package_root, project / "src", project]) if folder.is_dir()]
    return package_root


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


def _way_out(error: BaseException, connections: list[str], tool: str) -> str:
    if connections:
        return "move the call into the body of an asset, task, flow, sensor or resource"
    if isinstance(error, ModuleNotFoundError):
        return "name the project's own interpreter with --python"
    if isinstance(error, KeyError) and "environ" in "".join(traceback.format_tb(error.__traceback__)[-1:]):
        return "no variable of yours is passed on: read it at run time, or give it with --set NAME=VALUE"
    return f"mend what the message names; the file must load as {LOADED_BY[tool]}"
