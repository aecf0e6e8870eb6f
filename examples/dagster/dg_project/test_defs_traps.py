"""Mistakes in a component or in two files, and where each of them is told; no project and no `dg` process."""

import dagster as dg
import pytest


class Table(dg.Component, dg.Model, dg.Resolvable):
    """A component with one field of its own."""

    asset: dg.ResolvedAssetSpec
    file: str

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions([self.asset])


@pytest.mark.parametrize("shared", [False, True])
def test_trap_one_resource_key_bound_twice(shared: bool) -> None:
    """Two files that bind one key to different objects fail when they are merged; the same object passes."""
    first = object()
    second = first if shared else object()
    files = [dg.Definitions(resources={"shop": each}) for each in (first, second)]
    if shared:
        assert dg.Definitions.merge(*files).resources == {"shop": first}
        return
    with pytest.raises(dg.DagsterInvariantViolationError, match="different resources with same key"):
        dg.Definitions.merge(*files)


def test_trap_a_missing_attribute_has_the_line_of_its_parent() -> None:
    """An unknown key is told with its own line, a missing one with that of what it belongs to."""
    with pytest.raises(ValueError, match=r"asset\.\w+\.key at <string>:2`\n  Field required"):
        Table.resolve_from_yaml("file: a.csv\nasset:\n  description: from the till\n  owners: [team:shop]\n")
    with pytest.raises(ValueError, match=r"flie at <string>:4\n  Extra inputs"):
        Table.resolve_from_yaml("asset:\n  key: orders\nfile: a.csv\nflie: a.csv\n")


def test_trap_the_name_of_an_op_takes_no_slash() -> None:
    """The key as people read it is refused as a name; as an identifier it passes."""
    spec = dg.AssetSpec(["shop", "orders"])
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="not a valid name"):
        dg.multi_asset(name=spec.key.to_user_string(), specs=[spec])(lambda: None)
    assert dg.multi_asset(name=spec.key.to_python_identifier(), specs=[spec])(lambda: None).op.name == "shop__orders"
