"""What the rules ask of a loaded Dagster code location. Runs inside Dagster's environment; nothing of a user's work runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from .model import Place, Trap
from .sources import FunctionNode, Source, making_node, node_of_function, place_of_function, place_of_node, project_sources


@dataclass(frozen=True)
class Loaded:
    """One code location: its repository as the webserver would see it, and the project's sources that made it."""

    path: str
    repository: Any
    sources: list[Source]

    @property
    def whole_file(self) -> Place:
        return Place(self.path, 1, 1, 1)

    @cached_property
    def assets(self) -> list[Any]:
        """Every executable AssetsDefinition made of one op, each once. A graph-backed asset has no function of its own."""
        distinct = {id(one.node_def): one for one in self.repository.assets_defs_by_key.values() if one.is_executable}
        return [one for one in distinct.values() if function_of(one) is not None]

    @cached_property
    def checks(self) -> list[Any]:
        """Every AssetChecksDefinition with a function of its own; the checks of an asset's function belong to the asset."""
        found = {id(one.node_def): one for one in self.repository.asset_checks_defs_by_key.values()}
        of_assets = {id(one.node_def) for one in self.assets}
        return [one for key, one in found.items() if key not in of_assets and function_of(one) is not None]

    @cached_property
    def resources(self) -> dict[str, Any]:
        return dict(self.repository.get_top_level_resources())

    def asset_of(self, key: Any) -> Any:
        return self.repository.assets_defs_by_key.get(key)

    def node_of(self, definition: Any) -> FunctionNode | None:
        found = node_of_function(function_of(definition), self.sources)
        return found[1] if found else None

    def of_function(self, definition: Any, subject: str) -> Iterator[Trap]:
        """A trap at the function of an asset or check, where that is the project's own."""
        place = place_of_function(function_of(definition), self.sources)
        if place:
            yield Trap(place, subject)

    def of_value(self, value: Any, subject: str) -> Trap:
        """A trap at the statement or call that made a schedule, sensor or job."""
        found = making_node(value, value.name, self.sources)
        if found is None:
            return Trap(self.whole_file, subject)
        place = place_of_node(found[0].path, found[1])
        if isinstance(found[1], FunctionNode):
            place = place_of_function(vars(found[0].module)[found[1].name], self.sources) or _without_body(place, found[1])
        return Trap(place, subject)

    def store_of(self, definition: Any, key: Any) -> str | None:
        """The class of the IO manager that keeps an asset's value, ``default`` where none is named, None where unknown."""
        name = output_of(definition, key).io_manager_key
        if name not in self.resources:
            return "default" if name == "io_manager" else None
        bound = self.resources[name]
        kind = getattr(bound, "configurable_resource_cls", None)
        return f"{kind.__module__}.{kind.__name__}" if kind else _old_store(bound)


def _without_body(place: Place, node: FunctionNode) -> Place:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return Place(place.path, node.lineno, first, max(node.lineno, node.body[0].lineno - 1))


def _old_store(bound: Any) -> str | None:
    import dagster as dg

    return "default" if bound in (dg.fs_io_manager, dg.mem_io_manager) else None


PICKLING = ("default", "FilesystemIOManager", "InMemoryIOManager", "PickledObjectFilesystemIOManager")


def pickles(store: str | None) -> bool:
    """Whether an IO manager keeps values as objects, one per partition, and nothing where no value is returned."""
    return store is not None and store.split(".")[-1] in PICKLING and (store == "default" or store.startswith("dagster."))


def function_of(definition: Any) -> Any:
    """The function under ``@asset``, ``@multi_asset``, ``@asset_check``; None for a graph."""
    node = definition.node_def
    return getattr(getattr(node, "compute_fn", None), "decorated_fn", None)


def output_of(definition: Any, key: Any) -> Any:
    """The op's output that materializes an asset."""
    names = {own: name for name, own in definition.keys_by_output_name.items()}
    return definition.node_def.output_def_named(names[key])


def words(key: Any) -> str:
    """An asset key as Dagster prints it."""
    return str(key.to_user_string())


def load_location(module: ModuleType, root: Path) -> Loaded | None:
    """The code location of a module: its Definitions, validated as ``dg check defs`` does, or what stands loose in it.

    None where the module defines nothing. Raises Dagster's own errors.
    """
    from snippet_checker.probe_dagster import validate

    definitions = validate(module)
    if definitions is None:
        return None
    return Loaded(str(module.__file__), definitions.get_repository_def(), project_sources(module, root))
