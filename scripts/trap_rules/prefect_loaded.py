"""What the rules ask of a loaded Prefect file. Runs inside Prefect's environment; nothing of a user's work runs, nothing asks
a server.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from .embedded_yaml import Mapping, read_yaml
from .model import Place, Trap
from .sources import (
    FunctionNode,
    Source,
    called_name,
    calls_in,
    keyword_of,
    node_of_function,
    place_of_function,
    place_of_node,
    project_sources,
)

_DEPLOYING = ("serve", "deploy", "to_deployment")
_SCHEDULES = ("Cron", "CronSchedule")
UNKNOWN = object()  # a value that only running the code would tell


@dataclass(frozen=True)
class Clock:
    """A cron expression, the time zone that is given with it, and where both stand."""

    cron: str
    zone: str | None
    place: Place
    zone_place: Place


@dataclass(frozen=True)
class Deployment:
    """What deploys a flow: a call in a source, or an entry of a prefect.yaml (then ``entry`` is it).

    ``flow`` is None where the call does not tell; a value of ``parameters`` is UNKNOWN where it is computed.
    """

    name: str
    flow: Any
    parameters: dict[str, Any]
    place: Place
    places: dict[str, Place] = field(default_factory=dict)
    values: dict[str, ast.expr] = field(default_factory=dict)
    entry: Mapping | None = None


@dataclass(frozen=True)
class Loaded:
    """One file with flows or tasks, the project's sources that it imports, and its entries in a prefect.yaml."""

    path: str
    root: Path
    sources: list[Source]

    @property
    def whole_file(self) -> Place:
        return Place(self.path, 1, 1, 1)

    @cached_property
    def flows(self) -> list[Any]:
        """Every flow of the sources whose function is the project's own, each once."""
        from prefect import Flow

        return self._named(Flow)

    @cached_property
    def tasks(self) -> list[Any]:
        """Every task, as `flows`; of copies made by with_options only one counts."""
        from prefect import Task

        return self._named(Task)

    def _named(self, kind: type) -> list[Any]:
        everything = [value for source in self.sources for value in vars(source.module).values()]
        values: list[Any] = [value for value in everything if isinstance(value, kind)]
        distinct = {id(one.fn): one for one in reversed(values)}
        return [one for one in reversed(distinct.values()) if self.node_of(one) is not None]

    def node_of(self, definition: Any) -> FunctionNode | None:
        found = node_of_function(definition.fn, self.sources)
        return found[1] if found else None

    def source_of(self, definition: Any) -> Source:
        """The source that holds the function of a flow or task among `flows` and `tasks`."""
        found = node_of_function(definition.fn, self.sources)
        assert found, f"{definition.name} is not the project's own"
        return found[0]

    def of_function(self, definition: Any, subject: str) -> Iterator[Trap]:
        place = place_of_function(definition.fn, self.sources)
        if place:
            yield Trap(place, subject)

    def task_calls(self, node: ast.AST, source: Source, *methods: str) -> Iterator[tuple[ast.Call, Any]]:
        """Calls of a method of a task below ``node``: ``load.submit(...)``, ``load.with_options(...).map(...)``."""
        from prefect import Task

        for call in calls_in(node):
            if isinstance(call.func, ast.Attribute) and call.func.attr in methods:
                value = value_of(_without_options(call.func.value), source)
                if isinstance(value, Task):
                    yield call, value

    @cached_property
    def deployments(self) -> list[Deployment]:
        called = [one for source in self.sources for one in _called_deployments(source)]
        return [*called, *self._written_deployments()]

    def _written_deployments(self) -> Iterator[Deployment]:
        """Entries of the nearest prefect.yaml whose entry point is a flow of this file."""
        for folder in [Path(self.path).parent, *Path(self.path).parent.parents]:
            if (folder / "prefect.yaml").is_file():
                yield from self._entries_of(folder / "prefect.yaml")
                return
            if folder == self.root:
                return

    def _entries_of(self, file: Path) -> Iterator[Deployment]:
        written = read_yaml(file)
        entries = written.get("deployments") if isinstance(written, Mapping) else None
        for entry in entries or ():
            path, _, name = str(entry.get("entrypoint")).rpartition(":")
            if (file.parent / path).resolve() == Path(self.path).resolve():
                flow = next((one for one in self.flows if one.fn.__name__ == name), None)
                given = entry.get("parameters")
                parameters = given if isinstance(given, Mapping) else None
                places = {key: entry_place(file, parameters, key) for key in parameters} if parameters else {}
                place = Place(str(file), entry.line, entry.line, entry.line)
                yield Deployment(str(entry.get("name")), flow, dict(parameters or {}), place, places, entry=entry)

    @cached_property
    def clocks(self) -> list[Clock]:
        """Every cron expression: of schedules, of the calls that deploy, of prefect.yaml."""
        called = [clock for source in self.sources for clock in _called_clocks(source)]
        return [*called, *(clock for one in self.deployments if one.entry for clock in _written_clocks(one))]


def entry_place(file: Path | str, entry: Mapping, key: str) -> Place:
    line = entry.lines.get(key, entry.line)
    return Place(str(file), line, line, line)


def value_of(node: ast.expr, source: Source) -> Any:
    """What a name or attribute of a source means in its module; None where only running would tell."""
    if isinstance(node, ast.Name):
        return vars(source.module).get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = vars(source.module).get(node.value.id)
        return getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None
    return None


def _without_options(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Call) and called_name(node) == "with_options" and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return node


def _called_deployments(source: Source) -> Iterator[Deployment]:
    from prefect import Flow

    for call in calls_in(source.tree):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr in _DEPLOYING):
            continue
        flow = value_of(_without_options(call.func.value), source)
        given = keyword_of(call, "parameters")
        if isinstance(given, ast.Dict) and (flow is None or isinstance(flow, Flow)):
            pairs = [(_literal(key), value) for key, value in zip(given.keys, given.values, strict=True) if _is_text(key)]
            places = {key: place_of_node(source.path, value) for key, value in pairs}
            parameters = {key: _literal(value) for key, value in pairs}
            name = f"of {flow.name}" if flow else call.func.attr
            yield Deployment(name, flow, parameters, place_of_node(source.path, call), places, dict(pairs))


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _literal(node: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(node) if node is not None else UNKNOWN
    except (ValueError, TypeError):
        return UNKNOWN


def _called_clocks(source: Source) -> Iterator[Clock]:
    for call in calls_in(source.tree):
        name = called_name(call)
        schedule = name in _SCHEDULES and str(getattr(value_of(call.func, source), "__module__", "")).startswith("prefect.")
        cron = keyword_of(call, "cron") if schedule or name in _DEPLOYING else None
        if schedule and call.args:
            cron = call.args[0]
        if cron is not None and isinstance(text := _literal(cron), str):
            zone = keyword_of(call, "timezone") or (call.args[1] if schedule and len(call.args) > 1 else None)
            places = [place_of_node(source.path, node) for node in (cron, zone or cron)]
            yield Clock(text, None if zone is None else str(_literal(zone)), *places)


def _written_clocks(deployment: Deployment) -> Iterator[Clock]:
    assert deployment.entry is not None
    for schedule in [deployment.entry.get("schedule"), *(deployment.entry.get("schedules") or ())]:
        if isinstance(schedule, Mapping) and isinstance(schedule.get("cron"), str):
            places = [entry_place(deployment.place.path, schedule, key) for key in ("cron", "timezone")]
            yield Clock(schedule["cron"], schedule.get("timezone"), *places)


def parameters_of(definition: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(definition.fn).parameters)


def policies_of(task: Any) -> list[Any]:
    """The parts of a task's cache policy."""
    policy = task.cache_policy
    return list(getattr(policy, "policies", None) or ([policy] if policy is not None else []))


def load_file(module: ModuleType, root: Path) -> Loaded | None:
    """The flows, tasks and deployments of a module that is imported; None where it has neither flow nor task of its own."""
    loaded = Loaded(str(module.__file__), root, project_sources(module, root))
    return loaded if loaded.flows or loaded.tasks else None
