"""YAML with the line of every key, by the PyYAML of the interpreter at hand (Prefect, dbt and Airflow bring it)."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Mapping(dict[Any, Any]):
    """A mapping that knows the line on which it begins, and that of each of its keys; merged keys keep their own."""

    line: int
    lines: dict[Any, int]


def read_yaml(file: Path) -> Any:
    """The first document of a file, without running tags; None where it is no YAML. Raises ImportError without PyYAML."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Of its own, so that no other user of PyYAML gets these mappings."""

    def construct(loader: Any, node: Any) -> Mapping:
        loader.flatten_mapping(node)
        keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
        found = Mapping(zip(keys, [loader.construct_object(value, deep=True) for _, value in node.value], strict=True))
        found.line = node.start_mark.line + 1
        found.lines = {key: pair[0].start_mark.line + 1 for key, pair in zip(keys, node.value, strict=True)}
        return found

    Loader.add_constructor("tag:yaml.org,2002:map", construct)
    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    try:
        return next(iter(yaml.load_all(file.read_text(encoding="utf-8"), Loader)), None)
    except (yaml.YAMLError, TypeError, UnicodeDecodeError, OSError):
        return None
