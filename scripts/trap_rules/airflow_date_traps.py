"""Traps of Airflow's dates: runs without a logical date, intervals without length, names that templates no longer have."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from .airflow_loaded import Loaded, function_of, given, template_names
from .model import Place, Trap
from .sources import FunctionNode, called_name

INTERVAL = frozenset({"data_interval_start", "data_interval_end"})
OF_A_DATE = INTERVAL | {"ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "logical_date"}
REMOVED = frozenset(
    {
        "execution_date", "next_ds", "next_ds_nodash", "prev_ds", "prev_ds_nodash", "yesterday_ds", "yesterday_ds_nodash",
        "tomorrow_ds", "tomorrow_ds_nodash", "prev_execution_date", "next_execution_date", "prev_execution_date_success",
        "conf", "triggering_dataset_events",
    }
)  # fmt: skip
NEVER_DATED = (
    "AssetTriggeredTimetable",
    "AssetOrTimeSchedule",
    "CronPartitionTimetable",
    "PartitionedAssetTimetable",
    "PartitionedAtRuntime",
)


def date_of_asset_run(loaded: Loaded) -> Iterator[Trap]:
    """A run that an asset event or a partition starts has no date of any name."""
    yield from _dated_tasks(loaded, NEVER_DATED)


def date_of_unscheduled_run(loaded: Loaded) -> Iterator[Trap]:
    """`airflow dags trigger` and REST with a null date give none; the form of the UI does."""
    yield from _dated_tasks(loaded, ("NullTimetable",))


def _dated_tasks(loaded: Loaded, timetables: tuple[str, ...]) -> Iterator[Trap]:
    told: set[Place] = set()
    for dag, task in loaded.tasks:
        names = _names_used(loaded, dag, task) & OF_A_DATE if type(dag.timetable).__name__ in timetables else set()
        trap = loaded.of_task(task, f"task {task.task_id}: {', '.join(sorted(names))}") if names else None
        if trap and (trap.place not in told or loaded.node_of(task) is None):  # a function is told once, however often called
            told.add(trap.place)
            yield trap


def _names_used(loaded: Loaded, dag: Any, task: Any) -> set[str]:
    names = template_names(dag, task)
    node = loaded.node_of(task)
    return names | (_names_in_function(node, _passed(task)) if node else set())


def _passed(task: Any) -> set[str]:
    return set(given(task, "op_kwargs") or {})


def _names_in_function(node: FunctionNode, passed: set[str]) -> set[str]:
    arguments = {one.arg for one in [*node.args.args, *node.args.kwonlyargs]} & OF_A_DATE - passed
    tested = {name.id for test in _tests_in(node) for name in ast.walk(test) if isinstance(name, ast.Name)}
    read = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    return ((arguments - tested) & read) | set(_subscripts(node))


def _tests_in(node: ast.AST) -> Iterator[ast.expr]:
    for one in ast.walk(node):
        if isinstance(one, (ast.If, ast.IfExp, ast.Assert, ast.While)):
            yield one.test
        elif isinstance(one, ast.BoolOp):
            yield one


def _subscripts(node: FunctionNode) -> Iterator[str]:
    own = {"context", getattr(node.args.kwarg, "arg", "context")}
    for one in ast.walk(node):
        if isinstance(one, ast.Subscript) and isinstance(one.slice, ast.Constant) and one.slice.value in OF_A_DATE:
            is_context = isinstance(one.value, ast.Name) and one.value.id in own
            if is_context or (isinstance(one.value, ast.Call) and called_name(one.value) == "get_current_context"):
                yield str(one.slice.value)


def interval_without_length(loaded: Loaded) -> Iterator[Trap]:
    """A cron string or a timedelta fires at a moment; only a data-interval timetable, or `interval=`, covers a period."""
    for dag, task in loaded.tasks:
        if _fires_at_moments(dag.timetable) and _names_used(loaded, dag, task) >= INTERVAL:
            yield loaded.of_task(task)


def _fires_at_moments(timetable: Any) -> bool:
    kind = type(timetable).__name__
    return kind in ("CronTriggerTimetable", "MultipleCronTriggerTimetable", "DeltaTriggerTimetable") and not getattr(
        timetable, "interval", None
    )


def removed_in_template(loaded: Loaded) -> Iterator[Trap]:
    """Airflow 3 took these from the context; a template is rendered first when its task runs."""
    for dag, task in loaded.tasks:
        known = set(dag.user_defined_macros or {})
        names = template_names(dag, task) & REMOVED - known
        if names:
            yield loaded.of_task(task, f"task {task.task_id}: {', '.join(sorted(names))}")


def argument_named_like_context(loaded: Loaded) -> Iterator[Trap]:
    """Airflow refuses a positional argument whose parameter is a key of the context, when the task runs."""
    from airflow.sdk.definitions.context import KNOWN_CONTEXT_KEYS

    for _, task in loaded.tasks:
        code = getattr(function_of(task), "__code__", None)
        positional = given(task, "op_args") or ()
        names = set(code.co_varnames[: code.co_argcount][: len(positional)]) if code else set()
        if taken := sorted(names & set(KNOWN_CONTEXT_KEYS)):
            yield loaded.of_task(task, f"task {task.task_id}: {', '.join(taken)}")


def text_of_a_param(loaded: Loaded) -> Iterator[Trap]:
    """A template gives text, unless the DAG renders native objects."""
    for dag, task in loaded.tasks:
        if dag.render_template_as_native_obj or function_of(task) is None:
            continue
        defaults = {f"{{{{params.{name}}}}}": value for name, value in dag.params.dump().items()}
        values = [*(given(task, "op_args") or ()), *(given(task, "op_kwargs") or {}).values()]
        wanted = [defaults.get("".join(one.split())) for one in values if isinstance(one, str)]
        if any(isinstance(one, (bool, int, float, list, dict)) for one in wanted):
            yield loaded.of_task(task)
