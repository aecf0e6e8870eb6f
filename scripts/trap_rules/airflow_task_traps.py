"""Traps of Airflow's tasks: arguments that nothing takes, files and pools that are missing, code that a worker refuses."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Iterator
from datetime import datetime, timedelta

from .airflow_index import known_dags
from .airflow_loaded import Loaded, given
from .model import Trap
from .sources import FunctionNode, Source, called_name, imported_from, keyword_of

DATABASE = ("create_session", "provide_session", "NEW_SESSION")
MODELS = frozenset({"DagRun", "TaskInstance", "DagModel", "XCom", "XComModel", "DagBag", "Log", "Pool", "Session"})


def database_in_task(loaded: Loaded) -> Iterator[Trap]:
    """The ORM's sessions and the queries of its models, in the function of a task."""
    for _, task in loaded.tasks:
        node = loaded.node_of(task)
        source = next((one for one in loaded.sources if node and any(node is own for own in ast.walk(one.tree))), None)
        if node and source and _asks_database(node, source):
            yield loaded.of_task(task)


def _asks_database(node: FunctionNode, source: Source) -> bool:
    known = {**imported_from(source.tree), **imported_from(node)}
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and one.id in DATABASE and known.get(one.id, "").startswith("airflow."):
            return True
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute):
            owner = ast.unparse(one.func.value)
            module = known.get(owner.split(".")[0], "")
            if module == "airflow.settings" or (module == "airflow" and owner.startswith("settings")):
                return one.func.attr in ("Session", "NonScopedSession")
            if module.startswith("airflow.models") and owner in MODELS:
                return True
    return False


def default_of_nobody(loaded: Loaded) -> Iterator[Trap]:
    """Keys of default_args that neither BaseOperator nor any operator of the DAG has among its parameters."""
    for dag in loaded.dags:
        if not dag.tasks or dag.task_group is None:
            continue
        kinds = {getattr(task, "operator_class", None) or type(task) for task in dag.tasks}
        taken = {name for kind in kinds for name in _parameters(kind)}
        for key in dag.default_args:
            if key not in taken:
                yield _at_key(loaded, key) or loaded.of_dag(dag, f"{key} in default_args")


def _parameters(kind: type) -> set[str]:
    named = (vars(one)["__init__"] for one in kind.__mro__ if "__init__" in vars(one) and one is not object)
    return {name for function in named for name in inspect.signature(function).parameters} | {"start_date", "end_date"}


def _at_key(loaded: Loaded, key: str) -> Trap | None:
    for source in loaded.sources:
        for node in ast.walk(source.tree):
            for one in node.keys if isinstance(node, ast.Dict) else ():
                if isinstance(one, ast.Constant) and one.value == key:
                    return loaded.at(source, one, f"{key} in default_args")
    return None


def pool_that_may_not_exist(loaded: Loaded) -> Iterator[Trap]:
    """Pools live in the metadata database: a file can only name them."""
    for _, task in loaded.tasks:
        pool = given(task, "pool", "default_pool")
        if pool != "default_pool":
            yield loaded.of_task(task, f"pool {pool} of task {task.task_id}")


def backoff_without_growth(loaded: Loaded) -> Iterator[Trap]:
    """1 is a multiplier here; True still means 2."""
    for _, task in loaded.tasks:
        growth = given(task, "retry_exponential_backoff", 0)
        if growth is not True and growth == 1 and given(task, "retries", 0) != 0:
            yield loaded.of_task(task)


def file_that_is_missing(loaded: Loaded) -> Iterator[Trap]:
    """A text that ends like a template file is read as one when its task runs."""
    from jinja2 import TemplateNotFound

    for dag, task in loaded.tasks:
        endings, environment = tuple(task.template_ext or ()), dag.get_template_env()
        for name in task.template_fields if endings else ():
            text = given(task, name)
            if isinstance(text, str) and text.endswith(endings):
                try:
                    environment.loader.get_source(environment, text)
                except TemplateNotFound:
                    yield loaded.of_task(task, f"{name} of task {task.task_id}")


def sla_of_nobody(loaded: Loaded) -> Iterator[Trap]:
    """Still accepted by operators and DAGs, and never looked at."""
    for source in loaded.sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Dict):
                keys = [one for one in node.keys if isinstance(one, ast.Constant) and one.value == "sla"]
                yield from (loaded.at(source, one, "sla in default_args") for one in keys if _is_duration(node, one))
            elif isinstance(node, ast.Call):
                for name in ("sla", "sla_miss_callback"):
                    value = keyword_of(node, name)
                    if value is not None:
                        yield loaded.at(source, value, f"{name} of {called_name(node)}")


def _is_duration(node: ast.Dict, key: ast.expr) -> bool:
    value = node.values[node.keys.index(key)]
    return isinstance(value, ast.Call) and called_name(value) in ("timedelta", "duration")


POD_KEYS = ("pod_override", "pod_template_file")


def misspelled_pod(loaded: Loaded) -> Iterator[Trap]:
    """The Kubernetes executor looks for two keys, and takes a dictionary without them for none."""
    for _, task in loaded.tasks:
        config = given(task, "executor_config")
        for key in config if isinstance(config, dict) and not set(POD_KEYS) & set(config) else ():
            if difflib.get_close_matches(str(key).lower().replace("-", "_"), POD_KEYS, n=1, cutoff=0.8):
                yield loaded.of_task(task, f"{key} in the executor_config of task {task.task_id}")


def dates_that_never_meet(loaded: Loaded) -> Iterator[Trap]:
    """A sensor waits for the other DAG's run at its own date: fifty ticks of its DAG, and none of the other's."""
    for dag, task in loaded.tasks:
        if given(task, "external_dag_id") is None or given(task, "execution_date_fn") is not None:
            continue
        schedules = {one.schedule for one in known_dags(given(task, "external_dag_id"))}
        ours, theirs = _cron(getattr(dag, "schedule", None)), _cron(schedules.pop() if len(schedules) == 1 else None)
        if ours and theirs and not _meet(ours, theirs, given(task, "execution_delta")):
            yield loaded.of_task(task, f"sensor {task.task_id}")


def _cron(schedule: object) -> str | None:
    presets = {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@yearly": "0 0 1 1 *",
    }
    text = presets.get(schedule, schedule) if isinstance(schedule, str) else None
    return text if text and len(text.split()) == 5 else None


def _meet(ours: str, theirs: str, delta: timedelta | None) -> bool:
    from croniter import croniter

    try:
        ticks = croniter(ours, datetime(2026, 1, 1), ret_type=datetime)
        return any(croniter.match(theirs, next(ticks) - (delta or timedelta())) for _ in range(50))
    except (ValueError, KeyError):
        return True
