"""What the rules ask of an Airflow DAG file. Runs inside Airflow's environment, without metadata database; no task runs."""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from .model import Place, Trap
from .sources import (
    FunctionNode,
    Source,
    arguments_of,
    called_name,
    calls_in,
    keyword_of,
    new_modules,
    node_of_function,
    place_of_definition,
    place_of_function,
    place_of_node,
    project_sources,
)


class DagFileError(Exception):
    """A DAG file that Airflow does not import; ``kind``, ``message`` and ``line`` are those of its traceback."""

    def __init__(self, kind: str, message: str, line: int) -> None:
        super().__init__(f"{kind}: {message}")
        self.line = line


@dataclass(frozen=True)
class Loaded:
    """One DAG file: every DAG that it offers, in order, also the one that another of the same id replaces."""

    path: str
    offered: list[Any]
    sources: list[Source]
    unserialized: dict[str, str] = field(default_factory=dict)

    @property
    def whole_file(self) -> Place:
        return Place(self.path, 1, 1, 1)

    @cached_property
    def dags(self) -> list[Any]:
        """The DAGs that Airflow keeps: of one id the last."""
        return list({dag.dag_id: dag for dag in self.offered}.values())

    @cached_property
    def tasks(self) -> list[tuple[Any, Any]]:
        """Every task with its DAG."""
        return [(dag, task) for dag in self.dags for task in dag.tasks]

    @property
    def own(self) -> Source:
        """The DAG file itself."""
        return next(source for source in self.sources if source.path == self.path)

    def node_of(self, task: Any) -> FunctionNode | None:
        """The function of a TaskFlow task or PythonOperator, where that is the project's own."""
        found = node_of_function(function_of(task), self.sources)
        return found[1] if found else None

    def of_task(self, task: Any, subject: str = "") -> Trap:
        """A trap at the function of a task, or at the call that holds its id."""
        subject = subject or f"task {task.task_id}"
        place = place_of_function(function_of(task), self.sources) if _is_decorated(task) else None
        return Trap(place or self._call_with(str(task.task_id).split(".")[-1]) or self.whole_file, subject)

    def of_dag(self, dag: Any, subject: str = "") -> Trap:
        """A trap at the function under ``@dag``, or at the call that holds the DAG's id."""
        subject = subject or f"DAG {dag.dag_id}"
        for source in self.sources:
            for node in ast.walk(source.tree):
                if isinstance(node, FunctionNode) and dag_id_of(node) == dag.dag_id:
                    return Trap(place_of_definition(source.path, node), subject)
        return Trap(self._call_with(dag.dag_id, of_dag=True) or self.whole_file, subject)

    def _call_with(self, text: str, of_dag: bool = False) -> Place | None:
        for source in self.sources:
            for call in calls_in(source.tree):
                named = any(isinstance(one, ast.Constant) and one.value == text for one in arguments_of(call))
                if named and (called_name(call) in ("DAG", "dag")) == of_dag:
                    return Place(source.path, call.lineno, call.lineno, call.end_lineno or call.lineno)
        return None

    def calls_of(self, *names: str) -> Iterator[tuple[Source, ast.Call]]:
        """Calls whose last word is one of ``names``, in all the project's sources."""
        for source in self.sources:
            for call in calls_in(source.tree):
                if called_name(call) in names:
                    yield source, call

    def at(self, source: Source, node: ast.expr, subject: str) -> Trap:
        return Trap(place_of_node(source.path, node), subject)


def dag_id_of(node: FunctionNode) -> str | None:
    """The id of the DAG that a function under ``@dag`` makes; None for any other function."""
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = called_name(call) if call else getattr(decorator, "attr", getattr(decorator, "id", ""))
        if name == "dag":
            given = (keyword_of(call, "dag_id") or next(iter(call.args), None)) if call else None
            return str(given.value) if isinstance(given, ast.Constant) else node.name
    return None


def given(task: Any, name: str, default: Any = None) -> Any:
    """What a task was given under ``name``; of a mapped task what is the same for all its instances."""
    if hasattr(task, "partial_kwargs"):
        return task.partial_kwargs.get(name, default)
    return getattr(task, name, default)


def function_of(task: Any) -> Any:
    """The function of a TaskFlow task or PythonOperator; None for other operators."""
    expanded = getattr(task, "python_callable", None)
    return expanded or given(task, "python_callable")


def _is_decorated(task: Any) -> bool:
    return any("Decorated" in kind.__name__ for kind in type(task).__mro__)


def template_texts(task: Any) -> Iterator[str]:
    """Every text of a task that Airflow will render, without the files that it names."""
    expansion = [getattr(getattr(task, name, None), "value", None) for name in ("expand_input", "op_kwargs_expand_input")]
    for name in task.template_fields:
        yield from _texts(given(task, name))
    yield from _texts([values for values in expansion if values])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for one in value.values() for text in _texts(one))
    elif isinstance(value, (list, tuple, set)):
        yield from (text for one in value for text in _texts(one))


def template_names(dag: Any, task: Any) -> set[str]:
    """The variables that a task's templates cannot do without."""
    texts = [text for text in template_texts(task) if "{" in text]
    environment = dag.get_template_env() if texts else None
    return {name for text in texts for name in _names_in(text, environment)}


def _names_in(text: str, environment: Any) -> set[str]:
    """All but those with a default filter or an ``is defined`` beside them; none where the template is broken."""
    from jinja2 import TemplateError, meta, nodes

    try:
        tree = environment.parse(text)
        names = meta.find_undeclared_variables(tree)
    except TemplateError:
        return set()
    careful = [*tree.find_all(nodes.Test), *(one for one in tree.find_all(nodes.Filter) if one.name in ("default", "d"))]
    forgiven = {one.node.name for one in careful if isinstance(one.node, nodes.Name)}
    return set(names) - forgiven


WARMING = """\
from airflow.sdk import DAG, Asset, task
with DAG("warming", schedule=[Asset("warming")]):
    task(task_id="warming")(lambda ds=None: None)()
"""


def prepare() -> None:
    """Import what every DAG file pays for, and block the metadata database as the dag-processor does; once, before forks."""
    for name in ("airflow.sdk", "airflow.dag_processing.dagbag", "airflow.serialization.serialized_objects"):
        importlib.import_module(name)
    importlib.import_module("airflow.sdk.execution_time.supervisor").block_orm_access()
    with tempfile.TemporaryDirectory(prefix="find-traps-") as folder:  # reading and serializing import much at first use
        file = Path(folder, "warming.py")
        file.write_text(WARMING, encoding="utf-8")
        loaded = load_file(file, Path(folder))
        for dag in loaded.dags if loaded else []:
            dag.get_template_env()
        if module := _module_of(file):
            del sys.modules[module.__name__]


def use_plugins(file: Path, root: Path) -> None:
    """Let Airflow find the plugins folder beside the file or above it, as the one in its home; ``--set`` comes first."""
    from airflow import plugins_manager, settings

    named = os.environ.get("AIRFLOW__CORE__PLUGINS_FOLDER")
    folder = Path(named).absolute() if named else _plugins_folder(file, root)
    if folder:
        settings.PLUGINS_FOLDER = os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(folder)
        sys.path.append(str(folder))
        for value in vars(plugins_manager).values():  # what was asked for before the fork is not the answer here
            getattr(value, "cache_clear", list)()


def _plugins_folder(file: Path, root: Path) -> Path | None:
    for folder in file.parents:
        own = folder / "plugins"
        if own.is_dir() and not (own / "__init__.py").exists():  # a package is imported by its dotted name
            return own
        if folder == root.parent or (folder / "pyproject.toml").exists() or (folder / ".git").exists():
            break
    return None


def load_file(file: Path, root: Path) -> Loaded | None:
    """Read a file as the dag-processor does; None where it defines nothing. Raises DagFileError."""
    from airflow.dag_processing.dagbag import DagBag

    offered: list[Any] = []

    class Bag(DagBag):  # type: ignore[misc]
        def bag_dag(self, dag: Any) -> None:
            if not any(dag is one for one in offered):  # a DAG that grew after its `with` block comes twice
                offered.append(dag)
            super().bag_dag(dag)

    bag = Bag(str(file))
    for text in bag.import_errors.values():
        raise _error_in(text, file)
    module = _module_of(file)
    if module is None:
        return None
    loaded = Loaded(str(file), offered, project_sources(module, root))
    return Loaded(loaded.path, offered, loaded.sources, _unserialized(loaded.dags))


def _module_of(file: Path) -> ModuleType | None:
    return next((one for one in new_modules() if getattr(one, "__file__", None) == str(file)), None)


def _unserialized(dags: list[Any]) -> dict[str, str]:
    """DAGs that load and that the scheduler cannot have, with the reason."""
    from airflow.serialization.serialized_objects import DagSerialization

    reasons = {}
    for dag in dags:
        try:
            DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).timetable.validate()
        except Exception as error:
            reasons[dag.dag_id] = f"{type(error).__name__}: {' '.join(str(error).split())[:250]}"
    return reasons


def _error_in(text: str, file: Path) -> DagFileError:
    lines = re.findall(rf'File "{re.escape(str(file))}", line (\d+)', text)
    said = [line for line in text.strip().splitlines() if line.strip() and not line.startswith(" ")] or [text.strip()]
    kind, colon, message = said[-1].partition(": ")
    if not colon or not re.fullmatch(r"[\w.]+", kind):
        kind, message = "AirflowImportError", said[-1]
    return DagFileError(kind.split(".")[-1], message[:300], int(lines[-1]) if lines else 1)
