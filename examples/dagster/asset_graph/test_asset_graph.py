"""Every edge leads to an asset that exists, a part of a function can be materialized, a selection selects what it says."""

from types import ModuleType
from typing import Any

import dagster as dg
import pytest
from run_assets import run_assets, run_job, stored_value

ORDERS, LINES = "raw/orders", "raw/order_lines"


def keys(selection: str, *assets: Any) -> list[str]:
    """What a selection string selects, sorted."""
    return sorted(key.to_user_string() for key in dg.AssetSelection.from_string(selection).resolve(list(assets)))


def parents(definitions: dg.Definitions, asset: list[str]) -> set[str]:
    """The assets that an asset depends on."""
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get(dg.AssetKey(asset)).parent_keys}


def external(definitions: dg.Definitions) -> set[str]:
    """Assets that nothing here materializes: declared ones, and misspelt dependencies."""
    return {node.key.to_user_string() for node in definitions.resolve_asset_graph().asset_nodes if node.is_external}


def test_every_edge_leads_to_a_declared_asset(example: ModuleType) -> None:
    """The landing file is the only asset that nothing here makes; prefixed and generated keys are connected."""
    assert external(example.defs) == {"landing/orders"}
    assert parents(example.defs, ["revenue", "bern"]) == {ORDERS, LINES}
    assert parents(example.defs, ["report"]) == {"revenue/bern", "revenue/basel"}


def test_every_factory_asset_has_its_own_shop(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """The two shops have two revenues, and the report is their sum."""
    run_assets(example.defs, instance)
    values = [stored_value(example.defs, key, instance) for key in (["revenue", "bern"], ["revenue", "basel"], "report")]
    assert values == [1350, 1950, "revenue: 3300 cents"]


def test_one_table_of_two_is_materialized_alone(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """Asked for the lines only, the function that makes both tables stores the lines only."""
    run = run_assets(example.defs, instance, 'key:"raw/order_lines"')
    assert (run.status, list(run.metadata)) == ("SUCCESS", [LINES])


def test_a_graph_is_one_asset_of_several_steps(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """The steps of the report are seen one by one, the asset is one."""
    run = run_assets(example.defs, instance)
    assert [step for step in run.steps if step.startswith("report")] == ["report.add_up", "report.publish"]
    assert [asset for asset in run.metadata if asset.startswith("report")] == ["report"]


def test_the_job_selects_both_shops_and_nothing_else(example: ModuleType) -> None:
    """A job's selection is pinned by keys, because one that matches nothing is no error."""
    selected = example.defs.resolve_job_def("revenue_job").asset_layer.selected_asset_keys
    assert {key.to_user_string() for key in selected} == {"revenue/bern", "revenue/basel"}


# --- what no error announces, and the right form beside it


@pytest.mark.parametrize(("skippable", "recorded"), [(False, ["a", "b", "next"]), (True, ["a"])])
def test_what_a_function_never_yields_is_recorded_all_the_same(
    skippable: bool, recorded: list[str], instance: dg.DagsterInstance
) -> None:
    """Without `skippable=True`, a forgotten asset counts as materialized and what comes after it runs."""
    specs = [dg.AssetSpec(name, skippable=skippable) for name in ("a", "b")]

    @dg.multi_asset(specs=specs)
    def forgets_b():
        yield dg.MaterializeResult(asset_key="a")

    run = run_assets([forgets_b, dg.asset(lambda: None, name="next", deps=["b"])], instance)
    assert (run.status, list(run.metadata)) == ("SUCCESS", recorded)


def test_a_misspelt_dep_becomes_an_external_asset() -> None:
    """`deps=["ordres"]` loads; the definition itself in place of its name cannot be misspelt."""
    orders = dg.asset(lambda: None, name="orders")
    by_name, by_object = dg.asset(lambda: None, name="x", deps=["ordres"]), dg.asset(lambda: None, name="x", deps=[orders])
    loaded = [dg.Definitions([orders, each]) for each in (by_name, by_object)]
    for definitions in loaded:
        dg.Definitions.validate_loadable(definitions)
    assert [external(definitions) for definitions in loaded] == [{"ordres"}, set()]


def test_a_bare_name_finds_a_prefixed_asset_only_within_its_group() -> None:
    """Moved to another group, the same dependency is an external asset; the whole key is not moved by groups."""

    def edges(group: str, dependency: Any) -> set[str]:
        orders = dg.asset(lambda: None, name="orders", key_prefix="raw")
        return parents(dg.Definitions([orders, dg.asset(lambda: None, name="x", deps=[dependency], group_name=group)]), ["x"])

    assert [edges("default", "orders"), edges("marts", "orders")] == [{ORDERS}, {"orders"}]
    assert edges("marts", ["raw", "orders"]) == {ORDERS}


def test_a_selection_without_a_match_is_a_green_run_of_nothing(instance: dg.DagsterInstance) -> None:
    """`key:` with a typing error selects nothing and succeeds; the bare key fails with a suggestion."""
    orders = dg.asset(lambda: None, name="orders")
    defs = dg.Definitions([orders], jobs=[dg.define_asset_job("load", "key:ordres")])
    dg.Definitions.validate_loadable(defs)
    run = run_job(defs, "load", instance)
    assert (run.status, run.steps) == ("SUCCESS", {})
    with pytest.raises(dg.DagsterInvalidSubsetError, match="did you mean"):
        keys("ordres", orders)


def test_the_two_grammars_count_differently() -> None:
    """A plus sign is one layer before a bare name, and all layers before `key:`; the star is the older form of all."""
    raw = dg.asset(lambda: 1, name="raw")
    stage, mart = dg.asset(lambda raw: raw, name="stage"), dg.asset(lambda stage: stage, name="mart")
    forms = ("+mart", "1+key:mart", "*mart", "+key:mart")
    assert [keys(form, raw, stage, mart) for form in forms] == [["mart", "stage"]] * 2 + [["mart", "raw", "stage"]] * 2


def test_owner_needs_quotes_and_tag_needs_its_value() -> None:
    """`owner:"team:shop"` is quoted for its colon; `tag:tier` means an empty value, not any value."""
    orders = dg.asset(lambda: 1, name="orders", owners=["team:shop"], tags={"tier": "gold"})
    assert [keys(form, orders) for form in ('owner:"team:shop"', "tag:tier=gold", "tag:tier")] == [["orders"], ["orders"], []]
    with pytest.raises(dg.DagsterError, match="Invalid selection string"):
        keys("owner:team:shop", orders)


def test_a_loop_gives_every_asset_the_last_value() -> None:
    """Functions defined in a loop share its variable; a factory function has one for each."""

    def make(shop: str) -> dg.AssetsDefinition:
        return dg.asset(lambda: shop, name=shop)

    looped = []
    for shop in ("bern", "basel"):
        looped.append(dg.asset(lambda: shop, name=shop))  # noqa: B023
    values = [dg.materialize(assets).output_for_node("bern") for assets in (looped, [make("bern"), make("basel")])]
    assert values == ["basel", "bern"]


def test_a_list_of_assets_in_a_graph_loads_one_of_them_twice(instance: dg.DagsterInstance) -> None:
    """Two graphs add 1 and 10: the list gets the wrong sum, parameters the right one (dagster-io/dagster#15239)."""
    one, ten = dg.asset(lambda: 1, name="one"), dg.asset(lambda: 10, name="ten")
    add_list, add = dg.op(name="add_list")(lambda numbers: sum(numbers)), dg.op(name="add")(lambda x, y: x + y)

    @dg.graph_asset
    def listed(one, ten):
        return add_list([one, ten])

    @dg.graph_asset
    def separate(one, ten):
        return add(one, ten)

    assets = [one, ten, listed, separate]
    run_assets(assets, instance)
    assert stored_value(assets, "listed", instance) in (2, 20)
    assert stored_value(assets, "separate", instance) == 11
