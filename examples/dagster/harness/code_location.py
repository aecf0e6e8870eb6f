"""Live definitions as a code location: importable by name, as the daemon and a re-execution ask for it.

Real: what loads a code location in Dagster loads these. Simulated: the code server's process; and jobs without
an executor of their own get the in-process one, because the default would start a process for each step.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg

Source = dg.Definitions | Iterable[Any]
_numbers = count(1)


def load_definitions_file(path: Path) -> ModuleType:
    """Import a definitions file afresh, under a name made from its folder: entry files share one name."""
    spec = importlib.util.spec_from_file_location(f"definitions_of_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_definitions(source: Source, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Definitions from definitions or from a list of assets, specs and checks.

    `resources` replace those of the same key. Steps run in this process.
    """
    if not isinstance(source, dg.Definitions):
        listed = list(source)
        checks = [entry for entry in listed if isinstance(entry, dg.AssetChecksDefinition)]
        assets = [entry for entry in listed if not isinstance(entry, dg.AssetChecksDefinition)]
        source = dg.Definitions(assets=assets, asset_checks=checks)
    return dg.Definitions(
        assets=source.assets,
        asset_checks=source.asset_checks,
        jobs=source.jobs,
        schedules=source.schedules,
        sensors=source.sensors,
        resources={**(source.resources or {}), **(resources or {})},
        loggers=source.loggers,
        metadata=source.metadata,
        executor=dg.in_process_executor,
    )


@contextmanager
def live_location(definitions: dg.Definitions) -> Iterator[str]:
    """Name of a module whose attribute `defs` are these definitions; it is gone when the block ends."""
    name = f"live_code_location_{next(_numbers)}"
    module = ModuleType(name)
    module.defs = definitions  # type: ignore[attr-defined]
    sys.modules[name] = module
    try:
        yield name
    finally:
        del sys.modules[name]
