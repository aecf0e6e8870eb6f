"""Metadata and names that become something else than was written."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from run_assets import run_assets

OWN = {"path": "s3://shop/orders"}


@pytest.mark.parametrize(("value", "own"), [({"value": 1}, False), ({}, True)], ids=["stored", "nothing stored"])
def test_trap_the_io_manager_writes_path(tmp_path: Path, instance: dg.DagsterInstance, value: dict[str, int], own: bool) -> None:
    """Silent: metadata `path` is the pickle's once a value is stored; any other key stays."""

    @dg.asset
    def orders() -> dg.MaterializeResult:
        return dg.MaterializeResult(**value, metadata=OWN | {"bucket_path": OWN["path"]})

    storage = {"io_manager": dg.FilesystemIOManager(base_dir=str(tmp_path))}
    found = run_assets([orders], instance, resources=storage).metadata["orders"]
    assert (found["path"] == OWN["path"], found["bucket_path"]) == (own, OWN["path"])


@pytest.mark.parametrize("name", ["type", "input", "config", "class"])
def test_trap_some_names_are_reserved(name: str) -> None:
    """Refused where the asset is defined; inside a longer name the word is free."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="reserved keyword"):
        dg.asset(name=name)(lambda: None)
    assert dg.asset(name=f"order_{name}")(lambda: None).key == dg.AssetKey([f"order_{name}"])


def test_trap_a_star_import_hides_the_field_of_pydantic() -> None:
    """Dagster exports a Field of its own, from before pydantic; `import dagster as dg` hides nothing."""
    source = "from pydantic import Field\n{}\nFOUND = Field"
    found: dict[str, Any] = {}
    for line in ("from dagster import *", "import dagster as dg"):
        names: dict[str, Any] = {}
        exec(source.format(line), names)
        found[line] = names["FOUND"].__module__.partition(".")[0]
    assert found == {"from dagster import *": "dagster", "import dagster as dg": "pydantic"}
