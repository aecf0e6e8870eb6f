"""Traps of Databricks bundles, GitHub workflows and loops that poll, each a small function over a file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from .embedded_loaded import Loaded
from .embedded_yaml import Mapping
from .model import Trap
from .sources import called_name, calls_in

_PARAMETER = re.compile(r"\{\{\s*job\.parameters\.([\w.-]+?)\s*\}\}")
_LIMITS = re.compile(
    r"monotonic|perf_counter|deadline|time_?out|elapsed|attempt|tries|remaining|until|give_up|max_|limit|clock|^now$|^time$",
    re.IGNORECASE,
)
_ORCHESTRATORS = ("airflow", "dagster", "prefect")  # there a task, a sensor or a run has the limit


def undeclared_parameter(loaded: Loaded) -> Iterator[Trap]:
    """A reference to a job parameter that the job does not declare."""
    for name, job in _jobs(loaded):
        declared = {one.get("name") for one in job.get("parameters") or () if isinstance(one, Mapping)}
        for line, used in _references(job, job.line):
            if used not in declared:
                yield loaded.at_line(line, f"job {name}: parameter {used}")


def undeclared_cluster(loaded: Loaded) -> Iterator[Trap]:
    """A task on a job cluster that neither the job nor a target of the same file declares."""
    declared = {
        one.get("job_cluster_key")
        for each in _values_of("job_clusters", loaded.document)
        for one in each
        if isinstance(one, Mapping)
    }
    for name, job in _jobs(loaded):
        for task in _mappings(job.get("tasks")):
            key = task.get("job_cluster_key")
            if isinstance(key, str) and "${" not in key and key not in declared:
                yield loaded.at_line(task.lines["job_cluster_key"], f"job {name}: cluster {key}")


def _jobs(loaded: Loaded) -> Iterator[tuple[str, Mapping]]:
    """The jobs of a bundle, by name."""
    resources = loaded.document.get("resources") if loaded.document else None
    jobs = resources.get("jobs") if isinstance(resources, Mapping) else None
    for name, job in jobs.items() if isinstance(jobs, Mapping) else ():
        if isinstance(job, Mapping):
            yield name, job


def _mappings(value: Any) -> Iterator[Mapping]:
    """A value and everything below it that has keys."""
    if isinstance(value, Mapping):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _mappings(inner)


def _values_of(key: str, document: Any) -> Iterator[Any]:
    yield from (one[key] for one in _mappings(document) if isinstance(one.get(key), list))


def _references(value: Any, line: int) -> Iterator[tuple[int, str]]:
    """Line and name of each reference below a value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _references(inner, value.lines.get(key, line))
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner, line)
    elif isinstance(value, str):
        yield from ((line, name) for name in _PARAMETER.findall(value))


def overlapping_runs(loaded: Loaded) -> Iterator[Trap]:
    """A workflow with a schedule and no concurrency group, neither its own nor a job's."""
    found = _scheduled(loaded)
    grouped = (
        [one for one in (loaded.document, *found[1].values()) if isinstance(one, Mapping) and one.get("concurrency")]
        if found
        else []
    )
    if found and not grouped:
        yield loaded.at_line(found[0], "the scheduled workflow")


def hanging_job(loaded: Loaded) -> Iterator[Trap]:
    """A job of a scheduled workflow that is ended by GitHub's own limit alone; a reusable workflow has its own."""
    _, jobs = _scheduled(loaded) or (0, Mapping())
    for name, job in jobs.items():
        if isinstance(job, Mapping) and "uses" not in job and "timeout-minutes" not in job:
            yield loaded.at_line(jobs.lines[name], f"job {name} of the scheduled workflow")


def _scheduled(loaded: Loaded) -> tuple[int, Mapping] | None:
    """The line of a workflow's schedule, and its jobs."""
    document: dict[Any, Any] = loaded.document or {}
    jobs, on = document.get("jobs"), document.get("on", document.get(True))  # YAML 1.1 reads `on` as true
    if isinstance(jobs, Mapping) and isinstance(on, Mapping) and on.get("schedule"):
        return on.lines["schedule"], jobs
    return None


def endless_poll(loaded: Loaded) -> Iterator[Trap]:
    """A loop that sleeps, asks again and leaves by the answer alone, in a program that no orchestrator ends."""
    tree = loaded.tree
    if tree is None or any(name.split(".")[0] in _ORCHESTRATORS for name in _imports(tree)):
        return
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and not any(map(_LIMITS.search, _names(function))):
            for loop in ast.walk(function):
                if isinstance(loop, ast.While) and _asks_again(loop):
                    yield loaded.at_line(loop.lineno, f"the loop of {function.name}")


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _names(function: ast.AST) -> Iterator[str]:
    """Names that a function uses, but for the ``timeout=`` of a single request and the module ``time``."""
    waiting = [function]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.keyword) and node.arg == "timeout":
            continue
        if isinstance(node, ast.Attribute):
            yield node.attr
            if isinstance(node.value, ast.Name) and node.value.id == "time":
                continue
        yield from (name for name in (getattr(node, "id", None), getattr(node, "arg", None)) if name)
        waiting.extend(ast.iter_child_nodes(node))


def _asks_again(loop: ast.While) -> bool:
    """Whether a loop sleeps, calls something else too, and has an end that depends on what it hears."""
    names = [called_name(call) for call in calls_in(loop)]
    conditional = not isinstance(loop.test, ast.Constant)
    leaves = conditional or any(isinstance(node, ast.Break | ast.Return) for node in ast.walk(loop))
    return leaves and "sleep" in names and any(name != "sleep" for name in names)
