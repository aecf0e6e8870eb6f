"""Outputs, orders and selections that mean something else than they read."""

import gc
import warnings
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from run_assets import run_assets, stored_value

BOTH = ("orders", "lines")


def specs(**lines: Any) -> list[dg.AssetSpec]:
    """Orders and lines; what is given is said of the lines."""
    return [dg.AssetSpec("orders"), dg.AssetSpec("lines", **lines)]


@pytest.mark.parametrize(("made", "orders"), [(("lines", "orders"), "lines"), (("orders", "lines"), "orders")])
def test_trap_a_tuple_is_taken_by_position(instance: dg.DagsterInstance, made: tuple[str, str], orders: str) -> None:
    """Silent: the first value is the first output's, whatever it is; only its place says whose it is."""
    both = dg.multi_asset(outs={name: dg.AssetOut() for name in BOTH}, name="both")(lambda: made)
    assert run_assets([both], instance).status == "SUCCESS"
    assert stored_value([both], "orders", instance) == orders


def test_trap_deps_of_a_function_are_those_of_all_its_outputs() -> None:
    """Silent: with `outs` both tables read the rates; a spec has its own dependencies."""

    def edges(made: dg.AssetsDefinition) -> list[set[str]]:
        graph = dg.Definitions([made]).resolve_asset_graph()
        return [{key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys} for name in BOTH]

    by_outs = dg.multi_asset(outs={name: dg.AssetOut() for name in BOTH}, deps=["rates"], name="load")
    by_specs = dg.multi_asset(specs=specs(deps=["rates"]), name="load")
    found = [edges(decorate(lambda: None)) for decorate in (by_outs, by_specs)]
    assert found == [[{"rates"}, {"rates"}], [set(), {"rates"}]]


@pytest.mark.parametrize(("order", "status"), [(BOTH[::-1], "FAILURE"), (BOTH, "SUCCESS")])
def test_trap_results_come_in_the_order_of_their_dependencies(
    instance: dg.DagsterInstance, order: tuple[str, str], status: str
) -> None:
    """The definition loads, and the run fails after the work is done."""

    @dg.multi_asset(specs=specs(deps=["orders"]))
    def both() -> Any:
        yield from map(dg.MaterializeResult, order)

    run = run_assets([both], instance)
    assert (run.status, "was yielded before its dependency" in str(run.errors)) == (status, status == "FAILURE")
    gc.collect()  # Dagster left a generator inside its own "no warnings": if a thread collects it, they stay off for good


def test_trap_a_failed_order_turns_the_warnings_off(instance: dg.DagsterInstance) -> None:
    """Silent: after that failure the process is told of nothing superseded until the run's remains are collected."""

    @dg.multi_asset(specs=specs(deps=["orders"]))
    def both() -> Any:
        yield from map(dg.MaterializeResult, BOTH[::-1])

    def told() -> bool:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            dg.build_last_update_freshness_checks(assets=["a"], lower_bound_delta=timedelta(1))
        return bool(found)

    gc.disable()
    try:
        run_assets([both], instance)
        before = told()
        gc.collect()
        assert (before, told()) == (False, True)
    finally:
        gc.enable()


def test_trap_a_function_that_returns_nothing_has_made_everything(instance: dg.DagsterInstance) -> None:
    """Silent: specs are all recorded and what reads them runs; of outputs, those that are required are missed."""
    after = dg.asset(lambda: None, name="totals", deps=["lines"])

    def load(body: Any, **how: Any) -> tuple[str, list[str]]:
        run = run_assets([dg.multi_asset(**how, name="load")(body), after], instance)
        return run.status, list(run.metadata)

    def orders_only() -> Any:
        yield dg.Output(1, "orders")

    required, optional = ({name: dg.AssetOut(is_required=needed) for name in BOTH} for needed in (True, False))
    assert load(lambda: None, specs=specs()) == ("SUCCESS", ["orders", "lines", "totals"])
    assert load(orders_only, outs=required) == ("FAILURE", ["orders"])
    assert load(orders_only, outs=optional) == ("SUCCESS", ["orders"])


@pytest.mark.parametrize("subset", [False, True])
def test_trap_one_asset_of_several_cannot_be_selected(instance: dg.DagsterInstance, subset: bool) -> None:
    """A selection of one is refused unless the function says that it can make a part."""

    @dg.multi_asset(specs=specs(), can_subset=subset)
    def both(context: dg.AssetExecutionContext) -> Any:
        yield from map(dg.MaterializeResult, context.selected_asset_keys)

    if subset:
        assert list(run_assets([both], instance, "key:lines").metadata) == ["lines"]
    else:
        with pytest.raises(dg.DagsterInvalidSubsetError, match="does not support subsetting"):
            run_assets([both], instance, "key:lines")


def test_trap_a_job_of_keys_takes_no_external_asset() -> None:
    """The star leaves the landing file out; a list that names it cannot be resolved."""
    landing, orders = dg.AssetSpec("landing"), dg.asset(lambda: None, name="orders", deps=["landing"])
    jobs = [dg.define_asset_job("star", "*"), dg.define_asset_job("listed", [landing.key, orders.key])]
    defs = dg.Definitions([landing, orders], jobs=jobs)
    assert defs.resolve_job_def("star").asset_layer.selected_asset_keys == {orders.key}
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="listed") as raised:
        defs.resolve_job_def("listed")
    assert "subset of existing executable asset keys" in str(raised.value.__cause__)


def test_trap_a_slash_in_a_text_is_no_prefix() -> None:
    """Silent: both print as raw/orders and are two assets."""
    text, parts = dg.AssetSpec("raw/orders").key, dg.AssetSpec(["raw", "orders"]).key
    assert (text == parts, text.to_user_string() == parts.to_user_string()) == (False, True)


@pytest.mark.parametrize("group", ["marts", "default"])
def test_trap_another_group_breaks_the_load_of_an_argument(group: str) -> None:
    """An argument finds a prefixed asset by its bare name only in the same group; the whole key finds it in any."""
    orders = dg.asset(lambda: 1, name="orders", key_prefix="raw")
    whole = {"orders": dg.AssetIn(["raw", "orders"])}
    by_name, by_key = (dg.asset(lambda orders: None, name="x", group_name=group, ins=ins) for ins in ({}, whole))
    dg.Definitions.validate_loadable(dg.Definitions([orders, by_key]))
    if group == "default":
        dg.Definitions.validate_loadable(dg.Definitions([orders, by_name]))
    else:
        with pytest.raises(dg.DagsterInvalidDefinitionError, match="Did you mean one of the following"):
            dg.Definitions.validate_loadable(dg.Definitions([orders, by_name]))


@pytest.mark.parametrize("selection", ["status:failure", "column:cents", "table_name:orders"])
def test_trap_some_attributes_parse_and_cannot_be_used(selection: str) -> None:
    """The selection is made without an error, which comes where it is resolved; a kind nobody has selects nothing."""
    orders = dg.asset(lambda: 1, name="orders", kinds={"duckdb"})
    parsed = dg.AssetSelection.from_string(selection)
    with pytest.raises(NotImplementedError):
        parsed.resolve([orders])
    found = [dg.AssetSelection.from_string(f"kind:{kind}").resolve([orders]) for kind in ("duckdbb", "duckdb")]
    assert found == [set(), {orders.key}]


@pytest.mark.parametrize(("storage", "total"), [(dg.InMemoryIOManager, {11}), (None, {2, 20})], ids=["memory", "files"])
def test_trap_memory_hides_what_a_list_loads_twice(instance: dg.DagsterInstance, storage: Any, total: set[int]) -> None:
    """Silent: a graph that puts 1 and 10 into a list sums them in a test in memory, and one of them twice with files."""
    add = dg.op(name="add")(lambda numbers: sum(numbers))

    @dg.graph_asset
    def listed(one: int, ten: int) -> int:
        return add([one, ten])

    @dg.asset
    def shown(listed: int) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"total": listed})

    assets = [dg.asset(lambda: 1, name="one"), dg.asset(lambda: 10, name="ten"), listed, shown]
    run = run_assets(assets, instance, resources={"io_manager": storage()} if storage else None)
    assert run.metadata["shown"]["total"] in total
