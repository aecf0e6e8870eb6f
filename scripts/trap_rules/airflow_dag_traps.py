"""Traps of whole DAGs: what is never registered, what replaces another, what is green although a task failed."""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from .airflow_index import known_connections, known_dags
from .airflow_loaded import Loaded, dag_id_of, given
from .model import Place, Trap
from .sources import FunctionNode, calls_in, imported_from, keyword_of, place_of_definition

ASKING = ("Variable.get", "Connection.get", "BaseHook.get_connection", "BaseHook.get_hook")
ALWAYS = ("all_done", "always", "all_done_min_one_success", "all_done_setup_success")


def leaf_that_forgives(loaded: Loaded) -> Iterator[Trap]:
    """Leaves decide the state of a run: those that run after a failure make it green."""
    for dag in loaded.dags:
        leaves = [task for task in dag.tasks if _counts(task) and not any(_counts(one) for one in task.downstream_list)]
        forgiving = [task for task in leaves if _rule_of(task) in ALWAYS and task.upstream_task_ids]
        if forgiving and len(forgiving) == len(leaves) and not any(_raises(loaded, task) for task in forgiving):
            yield loaded.of_task(forgiving[0])


def _raises(loaded: Loaded, task: Any) -> bool:
    """Whether a task's own function looks at what it got and may fail the run itself."""
    node = loaded.node_of(task)
    return node is not None and any(isinstance(one, ast.Raise) for one in ast.walk(node))


def _counts(task: Any) -> bool:
    return not given(task, "is_teardown", False) or bool(given(task, "on_failure_fail_dagrun", False))


def _rule_of(task: Any) -> str:
    rule = given(task, "trigger_rule", "all_success")
    return str(getattr(rule, "value", rule))


def teardown_without_voice(loaded: Loaded) -> Iterator[Trap]:
    """A teardown's failure is left out of the run's state, unless it says otherwise."""
    for _, task in loaded.tasks:
        if given(task, "is_teardown", False) and not given(task, "on_failure_fail_dagrun", False):
            yield loaded.of_task(task)


def letters_for_tags(loaded: Loaded) -> Iterator[Trap]:
    """A text is a collection of its letters."""
    for source, call in loaded.calls_of("DAG", "dag"):
        value = keyword_of(call, "tags")
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and len(value.value) > 1:
            yield loaded.at(source, value, f"tags={value.value!r}")


def never_called(loaded: Loaded) -> Iterator[Trap]:
    """A function under @dag at the top of the DAG file that made no DAG here, and that nothing names."""
    made = {dag.dag_id for dag in loaded.offered}
    names = {node.id for node in ast.walk(loaded.own.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for node in loaded.own.tree.body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        dag_id = dag_id_of(node)
        if dag_id is not None and dag_id not in made and node.name not in names:
            yield Trap(place_of_definition(loaded.path, node), f"DAG {dag_id}")


def one_id_twice(loaded: Loaded) -> Iterator[Trap]:
    """DAGs of one id come from a set: which of them takes the place of the others is chance."""
    for dag_id, times in Counter(dag.dag_id for dag in loaded.offered).items():
        if times > 1:
            places = list(_places_of(loaded, dag_id))
            yield Trap(places[0] if places else loaded.whole_file, f"DAG {dag_id}")


def _places_of(loaded: Loaded, dag_id: str) -> Iterator[Place]:
    tree = loaded.own.tree
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode) and dag_id_of(node) == dag_id:
            yield place_of_definition(loaded.path, node)
    for call in calls_in(tree):
        first = keyword_of(call, "dag_id") or next(iter(call.args), None)
        if isinstance(first, ast.Constant) and first.value == dag_id:
            yield Place(loaded.path, call.lineno, call.lineno, call.lineno)


def callback_of_the_file(loaded: Loaded) -> Iterator[Trap]:
    """The triggerer imports the callback by its path, and the module of a DAG file has none."""
    for dag in loaded.dags:
        alerts = dag.deadline or []
        for alert in alerts if isinstance(alerts, (list, tuple)) else [alerts]:
            if type(alert.callback).__name__ == "AsyncCallback" and alert.callback.path.startswith("unusual_prefix_"):
                name = alert.callback.path.rsplit(".", 1)[-1]
                yield next(_definition_of(loaded, name), loaded.of_dag(dag))


def _definition_of(loaded: Loaded, name: str) -> Iterator[Trap]:
    for node in loaded.own.tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name:
            yield Trap(place_of_definition(loaded.path, node), f"callback {name}")


def asked_while_parsed(loaded: Loaded) -> Iterator[Trap]:
    """Variables and connections that the file itself reads, outside the functions of its tasks."""
    for source in loaded.sources:
        known = imported_from(source.tree)
        for call in _calls_of_parse(source.tree.body):
            name = ast.unparse(call.func)
            if name in ASKING and known.get(name.split(".")[0], "").startswith("airflow"):
                first = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else "..."
                yield loaded.at(source, call, f"{name}({first!r})" if call.args else f"{name}(...)")


def _calls_of_parse(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    """Calls that importing the file makes: not those in functions, but for the function under ``@dag``."""
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Call):
            yield node
        if isinstance(node, FunctionNode):
            waiting += [*node.decorator_list, *node.args.defaults, *(node.body if dag_id_of(node) else ())]
        elif not isinstance(node, ast.Lambda) and not _is_main_block(node):
            waiting += ast.iter_child_nodes(node)


def _is_main_block(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def one_id_in_several_files(loaded: Loaded) -> Iterator[Trap]:
    """The dag-processor reads file by file: of one id, whichever was read last is kept."""
    for dag in loaded.dags:
        others = sorted({one.path for one in known_dags(dag.dag_id) if one.path != loaded.path})
        if others:
            beside = ", ".join(os.path.relpath(path, os.path.dirname(loaded.path)) for path in others[:3])
            yield loaded.of_dag(dag, f"DAG {dag.dag_id} (and in {beside})")


def uri_in_wrong_fields(loaded: Loaded) -> Iterator[Trap]:
    """Connections that the file itself or an env file writes as text: what Airflow's own parser does not find in them."""
    for one in known_connections():
        if reason := misread_uri(one.uri):
            yield Trap(one.place, f"{one.name} ({reason})")
    for source in loaded.sources:
        for name, value in _connection_texts(source.tree):
            if reason := misread_uri(str(value.value)):
                yield loaded.at(source, value, f"{name} ({reason})")


def misread_uri(text: str) -> str:
    """What is lost when a URI is split, or nothing. JSON and what needs no user are fine."""
    if text.lstrip().startswith("{"):
        return ""
    scheme, found, rest = text.partition("://")
    if not found or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        named = repr(scheme[:40]) if found else "what stands before the first :"  # without :// it may hold a secret
        return f"{named} is no scheme: letters, digits and -, then ://"
    try:
        user = urlsplit(text).username
    except ValueError:
        user = None
    lost = user is None and _holds_user(rest)
    return "the user and the password are not found: one of # / ? [ stands in them unescaped" if lost else ""


def _holds_user(rest: str) -> bool:
    """Whether an @ stands behind a text, before any = of a query: not that of `?mail=a@b`, `/@me` or `:///me@shop.db`."""
    before, found, _ = rest.partition("@")
    return bool(found) and not before.startswith("/") and not before.endswith("/") and "=" not in before.partition("?")[2]


def _connection_texts(tree: ast.Module) -> Iterator[tuple[str, ast.Constant]]:
    for node in ast.walk(tree):
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            pairs = [(node.targets[0].slice, node.value)]
        elif isinstance(node, ast.Dict):
            pairs = list(zip(node.keys, node.values, strict=True))
        elif isinstance(node, ast.Call) and len(node.args) == 2:  # os.environ.setdefault(name, value), os.putenv
            pairs = [(node.args[0], node.args[1])]
        for key, value in pairs:
            named = isinstance(key, ast.Constant) and str(key.value).startswith("AIRFLOW_CONN_")
            if named and isinstance(key, ast.Constant) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield str(key.value), value
