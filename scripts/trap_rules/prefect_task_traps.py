"""Traps of Prefect's tasks and flows, each a small function over the loaded file."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .model import Trap
from .prefect_loaded import Loaded, parameters_of, policies_of, value_of
from .sources import FunctionNode, Source, calls_in, keyword_of, node_of_function, place_of_node

_LIMITERS = ("concurrency", "rate_limit")
_LIMITS = ("GlobalConcurrencyLimitCreate", "GlobalConcurrencyLimitUpdate")
_LISTS = ("list", "tuple", "Sequence", "Iterable", "Collection")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


# --- caches


def shared_inputs(loaded: Loaded) -> Iterator[Trap]:
    """INPUTS without TASK_SOURCE: tasks whose arguments have the same names and values have the same key."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for task in loaded.tasks:
        kinds = {type(policy).__name__: policy for policy in policies_of(task)}
        if parameters_of(task) and "Inputs" in kinds and kinds.keys() <= {"Inputs", "RunId", "FlowParameters"}:
            names = frozenset(parameters_of(task)) - set(kinds["Inputs"].exclude)
            places = [str(getattr(task.cache_policy, "key_storage", None)), str(task.result_storage)]
            groups[(names, tuple(sorted(kinds)), *places)].append(task)
    for tasks in groups.values():
        for task in tasks if len(tasks) > 1 else ():
            yield from loaded.of_function(task, f"task {task.name}")


def key_of_missing_parameter(loaded: Loaded) -> Iterator[Trap]:
    """A cache_key_fn that subscripts its second argument with a name that is no parameter of the task."""
    for task in loaded.tasks:
        node = _node_of_key_function(task.cache_key_fn, loaded.sources) if task.cache_key_fn else None
        if node is None or len(node.args.args) < 2:
            continue
        given, known = node.args.args[1].arg, parameters_of(task)
        if any(isinstance(one, ast.In) for one in ast.walk(node)):
            continue  # it asks which parameters there are
        if missing := [name for name in _subscripts(node, given) if name not in known]:
            yield from loaded.of_function(task, f"task {task.name}: its cache_key_fn asks for {missing[0]!r}; the task")


def _node_of_key_function(function: Any, sources: list[Source]) -> FunctionNode | ast.Lambda | None:
    code = getattr(function, "__code__", None)
    if code is None or code.co_name != "<lambda>":
        found = node_of_function(function, sources)
        return found[1] if found else None
    for source in sources:
        if source.path == code.co_filename:
            nodes = [
                node for node in ast.walk(source.tree) if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
            ]
            return nodes[0] if len(nodes) == 1 else None
    return None


def _subscripts(node: ast.AST, name: str) -> Iterator[str]:
    for one in ast.walk(node):
        match one:
            case ast.Subscript(value=ast.Name(id=taken), slice=ast.Constant(value=str(key))) if taken == name:
                yield key


def cache_without_persistence(loaded: Loaded) -> Iterator[Trap]:
    """persist_result=False beside what only a stored result can give."""
    for task in loaded.tasks:
        for call in _decorators(loaded, task):
            off = keyword_of(call, "persist_result")
            policy = keyword_of(call, "cache_policy")
            asked = keyword_of(call, "cache_key_fn") or (policy if policy and not _is_none(policy) else None)
            if asked is not None and isinstance(off, ast.Constant) and off.value is False:
                yield from loaded.of_function(task, f"task {task.name}")


def _is_none(policy: ast.expr) -> bool:
    return ast.unparse(policy).split(".")[-1] in ("None", "NONE", "NO_CACHE")


def _decorators(loaded: Loaded, definition: Any) -> list[ast.Call]:
    node = loaded.node_of(definition)
    return [one for one in node.decorator_list if isinstance(one, ast.Call)] if node else []


def expiration_of_one_run(loaded: Loaded) -> Iterator[Trap]:
    """The default policy has the id of the run in its key."""
    for task in loaded.tasks:
        names = {type(policy).__name__ for policy in policies_of(task)}
        if task.cache_expiration is not None and task.cache_key_fn is None and "RunId" in names:
            yield from loaded.of_function(task, f"task {task.name}")


# --- futures


def failure_of_nobody(loaded: Loaded) -> Iterator[Trap]:
    """A future of a flow that nobody returns, resolves or hands on: only the return value decides the flow's state."""
    for flow in loaded.flows:
        node, source = loaded.node_of(flow), loaded.source_of(flow)
        assert node is not None
        own = list(_own_nodes(node))
        for call, task in loaded.task_calls(node, source, "submit", "map"):
            statement = next((one for one in own if isinstance(one, ast.stmt) and _is_lost(one, call, own)), None)
            if statement is not None:
                yield Trap(place_of_node(source.path, call), f"flow {flow.name}: the future of {task.name}")


def _own_nodes(function: FunctionNode) -> Iterator[ast.AST]:
    """The nodes of a function without the functions inside of it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))


def _is_lost(statement: ast.stmt, call: ast.Call, own: list[ast.AST]) -> bool:
    if isinstance(statement, ast.Expr):
        return statement.value is call or _waited(statement.value) is call
    if not (isinstance(statement, ast.Assign) and statement.value is call and len(statement.targets) == 1):
        return False
    target = statement.targets[0]
    if not isinstance(target, ast.Name):
        return False
    uses = [one for one in own if isinstance(one, ast.Name) and one.id == target.id and isinstance(one.ctx, ast.Load)]
    waits = [_waited(one.value) for one in own if isinstance(one, ast.Expr)]
    return all(any(wait is use for wait in waits) for use in uses)


def _waited(node: ast.expr) -> ast.expr | None:
    """What ``X.wait()`` waits for."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "wait":
        return node.func.value
    return None


def map_over_constant(loaded: Loaded) -> Iterator[Trap]:
    """A parameter that takes a list gets its elements one by one."""
    for source in loaded.sources:
        for call, task in loaded.task_calls(source.tree, source, "map"):
            node = loaded.node_of(task)
            names = list(parameters_of(task))
            given = [*zip(names, call.args, strict=False), *((one.arg, one.value) for one in call.keywords if one.arg)]
            for name, value in given:
                if node and len(given) > 1 and _takes_list(node, name) and _is_flat(value, source):
                    yield Trap(place_of_node(source.path, value), f"{name}= of {task.name}.map")


def _takes_list(node: FunctionNode, name: str) -> bool:
    annotation = next((one.annotation for one in [*node.args.args, *node.args.kwonlyargs] if one.arg == name), None)
    return annotation is not None and ast.unparse(annotation).split("[")[0].split(".")[-1] in _LISTS


def _is_flat(node: ast.expr, source: Source) -> bool:
    """Whether this is a list or tuple of plain values, written here or a constant of the module."""
    if isinstance(node, ast.List | ast.Tuple):
        return bool(node.elts) and all(isinstance(element, ast.Constant) for element in node.elts)
    value = value_of(node, source) if isinstance(node, ast.Name) and node.id.isupper() else None
    return isinstance(value, list | tuple) and bool(value) and not any(isinstance(one, list | tuple) for one in value)


# --- threads


def time_limit_in_thread(loaded: Loaded) -> Iterator[Trap]:
    """A synchronous task with a time limit that a flow hands to threads."""
    for task in _in_threads(loaded, lambda one: bool(one.timeout_seconds) and not one.isasync):
        yield from loaded.of_function(task, f"task {task.name}")


def nested_submit(loaded: Loaded) -> Iterator[Trap]:
    """A task in a pool of fixed size that submits another one and waits for it."""
    for task in _in_threads(loaded, lambda one: True, bounded=True):
        node, source = loaded.node_of(task), loaded.source_of(task)
        waits = node is not None and any(
            isinstance(call.func, ast.Attribute) and call.func.attr in ("result", "wait") for call in calls_in(node)
        )
        if node is not None and waits and any(loaded.task_calls(node, source, "submit", "map")):
            yield from loaded.of_function(task, f"task {task.name}")


def _in_threads(loaded: Loaded, wanted: Any, bounded: bool = False) -> list[Any]:
    """Wanted tasks that some flow submits to a pool of threads."""
    found: dict[int, Any] = {}
    for flow in loaded.flows:
        runner = flow.task_runner
        size = getattr(runner, "_max_workers", 0) or 0
        if type(runner).__name__ not in ("ThreadPoolTaskRunner", "ConcurrentTaskRunner") or (bounded and size >= sys.maxsize):
            continue
        node, source = loaded.node_of(flow), loaded.source_of(flow)
        for _, task in loaded.task_calls(node, source, "submit", "map") if node else ():
            own = next((one for one in loaded.tasks if one.fn is task.fn), None)
            if own is not None and wanted(own):
                found[id(own.fn)] = own
    return list(found.values())


# --- transactions and limits


def rollback_without_transaction(loaded: Loaded) -> Iterator[Trap]:
    """Without a transaction around several tasks, each commits when it has ended, and is not rolled back."""
    if not any(_imports_transactions(source) for source in loaded.sources):
        called = {id(task.fn) for flow in loaded.flows for task in _called_by(loaded, flow)}
        for task in loaded.tasks:
            if task.on_rollback_hooks and id(task.fn) in called:
                yield from loaded.of_function(task, f"task {task.name}")


def _imports_transactions(source: Source) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.module == "prefect.transactions" for node in ast.walk(source.tree))


def _called_by(loaded: Loaded, flow: Any) -> Iterator[Any]:
    """Tasks that a flow calls or submits."""
    from prefect import Task

    node, source = loaded.node_of(flow), loaded.source_of(flow)
    for call in calls_in(node) if node else ():
        submits = isinstance(call.func, ast.Attribute) and call.func.attr in ("submit", "map")
        task = value_of(call.func.value if submits and isinstance(call.func, ast.Attribute) else call.func, source)
        if isinstance(task, Task):
            yield task


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def limit_that_may_not_exist(loaded: Loaded) -> Iterator[Trap]:
    """A limit that is not on the server limits nothing, unless it is asked for strictly."""
    for source in loaded.sources:
        for call in calls_in(source.tree):
            function = value_of(call.func, source)
            if _name(call) not in _LIMITERS or not str(getattr(function, "__module__", "")).startswith("prefect.concurrency"):
                continue
            strict = keyword_of(call, "strict")
            if strict is None or (isinstance(strict, ast.Constant) and strict.value is False):
                name = ast.unparse(call.args[0]) if call.args else "its names"
                yield Trap(place_of_node(source.path, call), f"{_name(call)}({name})")


def limit_switched_off(loaded: Loaded) -> Iterator[Trap]:
    """A limit that is not active is on the server, and lets everybody pass."""
    for source in loaded.sources:
        for call in calls_in(source.tree):
            active, name = keyword_of(call, "active"), keyword_of(call, "name")
            if _name(call) in _LIMITS and isinstance(active, ast.Constant) and active.value is False:
                yield Trap(place_of_node(source.path, call), ast.unparse(name) if name else _name(call))


# --- runners


def dashboard_for_everybody(loaded: Loaded) -> Iterator[Trap]:
    """A Dask cluster that the runner makes itself, and whose dashboard nobody bound to loopback."""
    for flow in loaded.flows:
        runner = flow.task_runner
        if type(runner).__name__ != "DaskTaskRunner" or getattr(runner, "address", None):
            continue
        address = (getattr(runner, "cluster_kwargs", None) or {}).get("dashboard_address", ":8787")
        if isinstance(address, str) and address.rpartition(":")[0] in ("", "0.0.0.0", "[::]"):
            yield from loaded.of_function(flow, f"flow {flow.name}: the dashboard of its Dask cluster")
