"""Run by a tool's own interpreter: the graphs of the files named on standard input, as one line of JSON.

Dagster: assets and their dependencies. Airflow: the tasks of each DAG. Prefect has no graph before a run: the file's
flow is run for the picture only by Prefect's own tracker, which calls no task that stands for itself.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import sys
import tempfile
import warnings
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
        for other in [key for key, value in sys.modules.items() if str(path.parent) in str(getattr(value, "__file__", ""))]:
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
    """Nothing: a flow has a graph only once it has run, and its page shows none rather than a guess."""
    return []


if __name__ == "__main__":
    main()
