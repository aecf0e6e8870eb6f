"""Live definitions can be asked for by name, with the test's resources, and are gone afterwards."""

import importlib
import sys
from pathlib import Path

import dagster as dg
import pytest
from code_location import as_definitions, live_location, load_definitions_file


@dg.asset
def orders(shop: dg.ResourceParam[str]) -> str:
    return shop


@dg.asset_check(asset=orders)
def named() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def test_a_location_is_importable_until_its_block_ends() -> None:
    """What the daemon imports by name is the very object of the test; two at once do not meet."""
    first, second = dg.Definitions(), dg.Definitions()
    with live_location(first) as one, live_location(second) as other:
        assert [importlib.import_module(name).defs for name in (one, other)] == [first, second]
        assert one != other
    assert [name in sys.modules for name in (one, other)] == [False, False]


def test_a_list_becomes_definitions_with_its_checks() -> None:
    """Assets and checks of one list land where Definitions wants them."""
    definitions = as_definitions([orders, named], {"shop": "bern"})
    assert [key.name for key in definitions.resolve_asset_graph().asset_check_keys] == ["named"]


def test_resources_of_the_test_win() -> None:
    """A replaced resource is replaced, the others stay, and the original definitions are untouched."""
    original = dg.Definitions(assets=[orders], resources={"shop": "production", "table": "orders"})
    assert as_definitions(original, {"shop": "test"}).resources == {"shop": "test", "table": "orders"}
    assert original.resources == {"shop": "production", "table": "orders"}


def test_a_file_is_loaded_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file reads from the environment while it is imported is read anew each time."""
    file = tmp_path / "definitions.py"
    file.write_text("import os\nSHOP = os.environ['SHOP']\n")
    shops = []
    for shop in ("bern", "oslo"):
        monkeypatch.setenv("SHOP", shop)
        shops.append(load_definitions_file(file).SHOP)
    assert shops == ["bern", "oslo"]
    with pytest.raises(FileNotFoundError, match="gone"):
        load_definitions_file(tmp_path / "gone.py")
