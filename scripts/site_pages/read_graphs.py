"""Run by a tool's own interpreter: the graphs of the files named on standard input, as one line of JSON.

Dagster: assets and their dependencies. Airflow: the tasks of each DAG. Prefect has no graph before a run: what the body of
each live flow calls stands for it, task after task where one is handed what another returned.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import inspect
import json
import logging
import os
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

Graph = dict[str, Any]


def main() -> None:
    """Read {name: path} from standard input, print {name: [graph, ...]}; a file that cannot be drawn has no graph."""
    entries = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    read = {"dagster": read_dagster, "airflow": read_airflow, "prefect": read_prefect}[sys.argv[1]]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        os.chdir(folder)
        os.environ |= {f"{tool.upper()}_HOME": folder for tool in ("dagster", "airflow", "prefect")}
        os.environ |= {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "DBT_TARGET_PATH": f"{folder}/target", "DBT_LOG_PATH": folder}
        found = {}
        for name, path in entries.items():
            try:
                found[name] = read(load(name, Path(path)))
            except Exception as error:
                logging.warning("no graph of %s: %s: %s", path, type(error).__name__, error)
    print(json.dumps(found))


def load(name: str, path: Path) -> ModuleType:
    """The file as a module, with its own folder to import from."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(f"drawn_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if sys.argv[1] == "airflow":  # as the DAG processor does, so that a DAG in a `with` or a call needs no name
        from airflow.sdk.definitions._internal.contextmanager import DagContext

        DagContext.current_autoregister_module_name = spec.name
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
        for other in [key for key, value in list(sys.modules.items()) if str(path.parent) in str(getattr(value, "__file__", ""))]:
            if other != spec.name:
                del sys.modules[other]
    return module


def read_dagster(module: ModuleType) -> list[Graph]:
    """One graph of all assets; an asset that nobody makes (external) is a node too."""
    import dagster as dg

    definitions = next((value for value in vars(module).values() if isinstance(value, dg.Definitions)), None)
    if definitions is None:
        definitions = dg.load_definitions_from_module(module)
    specs = list(definitions.resolve_all_asset_specs())
    nodes = {spec.key.to_user_string() for spec in specs}
    edges = [[dep.asset_key.to_user_string(), spec.key.to_user_string()] for spec in specs for dep in spec.deps]
    return [{"name": "assets", "nodes": sorted(nodes | {start for start, _ in edges}), "edges": edges}] if nodes else []


def read_airflow(module: ModuleType) -> list[Graph]:
    """One graph per DAG."""
    from airflow.sdk import DAG

    dags = {value.dag_id: value for value in vars(module).values() if isinstance(value, DAG)}
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    dags |= {dag.dag_id: dag for dag, owner in DagContext.autoregistered_dags if owner is module}
    graphs = []
    for dag in dags.values():
        edges = [[task.task_id, below] for task in dag.tasks for below in sorted(task.downstream_task_ids)]
        graphs.append({"name": dag.dag_id, "nodes": [task.task_id for task in dag.tasks], "edges": edges})
    return graphs


def read_prefect(module: ModuleType) -> list[Graph]:
    """One graph per flow of this file that calls a task or another flow; loops and branches are drawn as one call."""
    from prefect import Flow

    flows = {
        name: value for name, value in vars(module).items() if isinstance(value, Flow) and value.fn.__module__ == module.__name__
    }
    graphs = [_calls_in(flow.name, flow.fn, module) for flow in flows.values()]
    return [graph for graph in graphs if graph["nodes"][1:]]


def _calls_in(flow: str, function: Any, module: ModuleType) -> Graph:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    made: dict[str, set[str]] = {}  # variable -> the tasks whose results it holds
    nodes: dict[str, None] = {flow: None}
    edges: dict[tuple[str, str], None] = {}

    def within(node: ast.AST) -> set[str]:
        """The tasks whose results an expression holds; each call in it is drawn."""
        if isinstance(node, ast.Name):
            return made.get(node.id, set())
        found = {name for child in ast.iter_child_nodes(node) for name in within(child)}
        called = _called(node, module) if isinstance(node, ast.Call) else None
        if called is None:
            return found
        nodes[called] = None
        edges.update(dict.fromkeys((start, called) for start in sorted(found - {called}) or [flow]))
        return {called}

    for statement in _in_order(tree.body[0]):
        found = within(statement)
        targets = getattr(statement, "targets", [getattr(statement, "target", None)])
        for target in targets:
            for name in ast.walk(target) if target is not None else ():
                if isinstance(name, ast.Name):
                    made[name.id] = found
    return {"name": flow, "nodes": list(nodes), "edges": [list(edge) for edge in edges]}


def _in_order(body: ast.AST) -> Iterator[ast.AST]:
    """The statements of a function in their order, those of blocks included; of a block's head the expressions alone."""
    for child in ast.iter_child_nodes(body):
        if isinstance(child, (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith, ast.ExceptHandler)):
            yield from _in_order(child)
        elif isinstance(child, (ast.stmt, ast.withitem)) or (
            isinstance(child, ast.expr) and not isinstance(body, ast.FunctionDef)
        ):
            yield child


def _called(call: ast.Call, module: ModuleType) -> str | None:
    """The name of the task or flow that a call starts, by `x()`, `x.submit()`, `x.map()` or `x.with_options(...)()`."""
    from prefect import Flow, Task

    maker: ast.AST = call.func
    while isinstance(maker, (ast.Attribute, ast.Call)):
        if isinstance(maker, ast.Attribute) and maker.attr not in ("submit", "map", "delay", "with_options"):
            return None
        maker = maker.value if isinstance(maker, ast.Attribute) else maker.func
    starts = not isinstance(call.func, ast.Attribute) or call.func.attr != "with_options"
    value = getattr(module, maker.id, None) if isinstance(maker, ast.Name) and starts else None
    return value.name if isinstance(value, (Flow, Task)) else None


if __name__ == "__main__":
    main()
