"""Traps of Dagster's schedules, sensors and jobs, each a small function over the loaded code location."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from .dagster_loaded import Loaded, words
from .model import Trap
from .sources import FunctionNode, called_name, calls_in, keyword_of, making_node, node_of_function, place_of_node

_KEEPS_STATE = ("cursor", "update_cursor", "get_dynamic_partitions", "has_dynamic_partition", "get_run_records", "get_runs")
_PLUS = re.compile(r"(\+?)([\w/]+)(\+?)")
_SELECTING = ("define_asset_job", "from_string", "from_coercible", "ScheduleDefinition", "schedule", "sensor")
_DEFAULT_AUTOMATION = "default_automation_condition_sensor"


# --- schedules


def schedule_without_partition(loaded: Loaded) -> Iterator[Trap]:
    """A plain schedule asks for a run, not for a partition, also when all that its job holds has partitions."""
    for schedule in loaded.repository.schedule_defs:
        if not _is_plain(schedule) or not loaded.repository.has_job(schedule.job_name):
            continue
        names_partition = "dagster/partition" in _source_of(loaded, schedule)
        if loaded.repository.get_job(schedule.job_name).partitions_def is not None and not names_partition:
            yield loaded.of_value(schedule, f"schedule {schedule.name}")


def _is_plain(schedule: Any) -> bool:
    """Whether Dagster itself wrote the schedule's function: no function of a user decides what is asked for."""
    return getattr(schedule._execution_fn, "__qualname__", "").startswith("ScheduleDefinition.__init__")


def _source_of(loaded: Loaded, value: Any) -> str:
    found = making_node(value, value.name, loaded.sources)
    return ast.unparse(found[1]) if found else ""


def schedule_without_time_zone(loaded: Loaded) -> Iterator[Trap]:
    """Without a time zone a cron expression is read in UTC. One that names no hour means the same everywhere."""
    for schedule in loaded.repository.schedule_defs:
        crons = [schedule.cron_schedule] if isinstance(schedule.cron_schedule, str) else schedule.cron_schedule
        if schedule.execution_timezone is None and any(_names_hour(cron) for cron in crons):
            yield loaded.of_value(schedule, f"schedule {schedule.name}")


def _names_hour(cron: str) -> bool:
    if cron.startswith("@"):
        return cron != "@hourly"
    fields = cron.split()
    return len(fields) >= 2 and not re.fullmatch(r"\*(/1)?", fields[1])


# --- what is switched off


def stopped_by_default(loaded: Loaded) -> Iterator[Trap]:
    """Nobody said whether it runs: then it does not. ``default_status`` in the source is somebody's word."""
    instigators = [("schedule", one) for one in loaded.repository.schedule_defs]
    instigators += [("sensor", one) for one in loaded.repository.sensor_defs if one.name != _DEFAULT_AUTOMATION]
    for kind, one in instigators:
        if one.default_status.value == "STOPPED" and "default_status" not in _source_of(loaded, one):
            yield loaded.of_value(one, f"{kind} {one.name}")


def conditions_without_sensor(loaded: Loaded) -> Iterator[Trap]:
    """Conditions are evaluated by a sensor; the one that Dagster makes is stopped."""
    graph = loaded.repository.asset_graph
    conditional = {key for key in graph.get_all_asset_keys() if graph.get(key).automation_condition is not None}
    running = [one for one in loaded.repository.sensor_defs if hasattr(one, "asset_selection") and _is_automation(one)]
    for sensor in running:
        if sensor.default_status.value == "RUNNING" or sensor.name != _DEFAULT_AUTOMATION:
            conditional -= set(sensor.asset_selection.resolve(graph))  # an own one that is stopped is told as a sensor
    waiting = [one for one in loaded.assets if conditional & set(one.keys)]
    for asset in waiting[:1]:
        yield from loaded.of_function(asset, f"automation condition of {', '.join(sorted(map(words, conditional)))}")


def _is_automation(sensor: Any) -> bool:
    return type(sensor).__name__ == "AutomationConditionSensorDefinition"


# --- what a sensor asks for


def requests_without_run_key(loaded: Loaded) -> Iterator[Trap]:
    """Nothing remembers what an evaluation has asked for: the next one asks for all of it again."""
    for sensor, node in _sensor_functions(loaded):
        text = ast.unparse(node)
        if any(re.search(rf"\b{word}\b", text) for word in _KEEPS_STATE):
            continue
        for call in _requests_in_loops(node):
            key = keyword_of(call, "run_key")
            given = bool(call.args) or any(keyword.arg is None for keyword in call.keywords)
            if not given and (key is None or (isinstance(key, ast.Constant) and key.value is None)):
                yield Trap(place_of_node(_path_of(loaded, sensor), call), f"sensor {sensor.name}")


def constant_run_key(loaded: Loaded) -> Iterator[Trap]:
    """A run key is used up by the first run that carries it, for ever."""
    for sensor, node in _sensor_functions(loaded):
        for call in calls_in(node):
            if called_name(call) != "RunRequest":
                continue
            key = keyword_of(call, "run_key") or (call.args[0] if call.args else None)
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield Trap(place_of_node(_path_of(loaded, sensor), call), f"sensor {sensor.name}")


def _sensor_functions(loaded: Loaded) -> Iterator[tuple[Any, FunctionNode]]:
    """Sensors whose function Dagster evaluates as it is, with that function."""
    for sensor in loaded.repository.sensor_defs:
        found = node_of_function(getattr(sensor, "_raw_fn", None), loaded.sources)
        if type(sensor).__name__ == "SensorDefinition" and found:
            yield sensor, found[1]


def _path_of(loaded: Loaded, sensor: Any) -> str:
    found = node_of_function(sensor._raw_fn, loaded.sources)
    return found[0].path if found else loaded.path


def _requests_in_loops(node: FunctionNode) -> Iterator[ast.Call]:
    loops = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp)
    calls = {call for loop in ast.walk(node) if isinstance(loop, loops) for call in calls_in(loop)}
    yield from sorted((call for call in calls if called_name(call) == "RunRequest"), key=lambda call: call.lineno)


# --- what a selection means


def plus_without_key(loaded: Loaded) -> Iterator[Trap]:
    """``+name`` is read by the old grammar, where one plus is one layer; ``+key:name`` is every layer."""
    for source in loaded.sources:
        for call in calls_in(source.tree):
            if called_name(call) not in _SELECTING:
                continue
            for text in _selections_in(call):
                if _means_less(loaded, str(text.value)):
                    yield Trap(place_of_node(source.path, text), f"selection {text.value!r}")


def _selections_in(call: ast.Call) -> Iterator[ast.Constant]:
    named = [keyword_of(call, "selection"), keyword_of(call, "target")]
    given = [*call.args[: 2 if called_name(call) == "define_asset_job" else 1], *(one for one in named if one)]
    for value in given:
        for node in [value, *getattr(value, "elts", [])]:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node


def _means_less(loaded: Loaded, text: str) -> bool:
    import dagster as dg

    match = _PLUS.fullmatch(text)
    if match is None or not (match.group(1) or match.group(3)):
        return False
    graph = loaded.repository.asset_graph
    above, name, below = match.groups()
    try:
        read = dg.AssetSelection.from_string(text).resolve(graph)
        meant = dg.AssetSelection.from_string(f'{above}key:"{name}"{below}').resolve(graph)
    except dg.DagsterError:
        return False
    return set(read) != set(meant)
