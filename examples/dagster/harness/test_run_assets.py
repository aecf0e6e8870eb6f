"""Runs in process show what a deployed run would: stored values, partitions, failures, and re-execution."""

import threading

import dagster as dg
import pytest
from finished_run import changes_between
from run_assets import NothingStored, rerun_from_failure, run_assets, run_job, stored_value

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-05")
SHOPS = dg.StaticPartitionsDefinition(["bern", "oslo"])


@dg.asset
def orders() -> list[int]:
    return [3, 4]


@dg.asset
def total(orders: list[int]) -> dg.MaterializeResult:
    return dg.MaterializeResult(value=sum(orders), metadata={"rows": len(orders)})


def test_values_metadata_and_steps_are_readable(instance: dg.DagsterInstance) -> None:
    """A run is read by asset: what it stored, what it recorded, how each step ended."""
    run = run_assets([orders, total], instance)
    assert (run.status, run.steps) == ("SUCCESS", {"orders": "success", "total": "success"})
    assert (stored_value([orders, total], "total", instance), run.metadata["total"]["rows"]) == (7, 2)


def test_a_value_that_cannot_be_stored_fails(instance: dg.DagsterInstance) -> None:
    """The default IO manager pickles; a job of ops keeps objects in memory under execute_in_process."""

    @dg.op
    def lock() -> object:
        return threading.Lock()

    @dg.job
    def locking() -> None:
        lock()

    run = run_job(dg.Definitions(jobs=[locking]), "locking", instance)
    assert run.errors == {"lock": "TypeError: cannot pickle '_thread.lock' object"}
    assert locking.execute_in_process().success


def test_an_asset_without_value_stores_nothing(instance: dg.DagsterInstance) -> None:
    """A MaterializeResult without value= is green, and the next asset would find no input."""

    @dg.asset
    def empty() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"rows": 2})

    assert run_assets([empty], instance).status == "SUCCESS"
    with pytest.raises(NothingStored, match=r"^empty: no stored value .*MaterializeResult without value="):
        stored_value([empty], "empty", instance)


def test_selection_runs_only_what_it_names(instance: dg.DagsterInstance) -> None:
    """An asset outside the selection is no step of the run; its stored value is loaded."""
    run_assets([orders, total], instance, "orders")
    assert run_assets([orders, total], instance, "total").steps == {"total": "success"}


def test_a_selection_of_nothing_is_refused(instance: dg.DagsterInstance) -> None:
    """Dagster takes a misspelt `key:` for a selection of no asset, and its job is green without a step."""
    with pytest.raises(ValueError, match="holds none of the assets"):
        run_assets([orders, total], instance, "key:typo")


def test_a_partition_is_the_runs_own(instance: dg.DagsterInstance) -> None:
    """The key reaches the asset, its stored value, and the record, beside assets with other partitions."""

    @dg.asset(partitions_def=DAYS)
    def day(context: dg.AssetExecutionContext) -> str:
        return context.partition_key

    @dg.asset(partitions_def=SHOPS)
    def shop() -> None: ...

    everything = [orders, day, shop]
    run = run_assets(everything, instance, "day", partition="2026-03-04")
    assert run.partitions == {"day": ["2026-03-04"]}
    assert stored_value(everything, "day", instance, partition="2026-03-04") == "2026-03-04"
    with pytest.raises(NothingStored, match=r"^partition '2026-03-02' of day"):
        stored_value(everything, "day", instance, partition="2026-03-02")


@pytest.mark.parametrize(("partition", "message"), [("2026-03-05", "4 partitions, '2026-03-01' to '2026-03-04'")])
def test_an_unknown_partition_is_refused(instance: dg.DagsterInstance, partition: str, message: str) -> None:
    """A key outside the definition names the known ends; the end date is not among them."""

    @dg.asset(partitions_def=DAYS)
    def day() -> None: ...

    with pytest.raises(ValueError, match=message):
        run_assets([day], instance, partition=partition)
    with pytest.raises(ValueError, match="nothing that would run has partitions"):
        run_assets([orders], instance, partition=partition)


def test_a_range_is_one_run(instance: dg.DagsterInstance) -> None:
    """All keys of the range in one step; an asset made for one key at a time shows that it is not ready for it."""

    @dg.asset(partitions_def=DAYS)
    def whole(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"days": len(context.partition_keys)})

    @dg.asset(partitions_def=DAYS)
    def single(context: dg.AssetExecutionContext) -> None:
        context.log.info(context.partition_key)

    run = run_assets([whole, single], instance, partition=("2026-03-02", "2026-03-04"))
    assert run.partitions == {"whole": ["2026-03-02", "2026-03-03", "2026-03-04"]}
    assert (run.steps["single"], "partition_key_range" in run.errors["single"]) == ("failure", True)


def test_config_and_resources_reach_the_asset(instance: dg.DagsterInstance) -> None:
    """Run config is checked before a run exists; a resource of the test replaces the bound one."""

    class Shop(dg.ConfigurableResource):
        name: str

    class Limit(dg.Config):
        rows: int

    @dg.asset
    def report(context: dg.AssetExecutionContext, config: Limit, shop: Shop) -> str:
        return f"{shop.name} {config.rows}"

    definitions = dg.Definitions(assets=[report], resources={"shop": Shop(name="production")})
    replaced = {"shop": Shop(name="test")}
    run_assets(definitions, instance, run_config=dg.RunConfig(ops={"report": Limit(rows=2)}), resources=replaced)
    assert stored_value(definitions, "report", instance, resources=replaced) == "test 2"
    with pytest.raises(dg.DagsterInvalidConfigError, match="rows"):
        run_assets(definitions, instance)
    assert instance.get_runs_count() == 1


def test_only_the_failed_part_runs_again(instance: dg.DagsterInstance) -> None:
    """The rerun loads what the first run stored; the partition, config and tags are the first run's."""
    counted: list[str] = []

    def chain(price: str) -> list[dg.AssetsDefinition]:
        @dg.asset(partitions_def=SHOPS)
        def rows(context: dg.AssetExecutionContext) -> int:
            counted.append(context.partition_key)
            return 2

        @dg.asset(partitions_def=SHOPS)
        def cents(rows: int) -> int:
            return rows * int(price)

        @dg.asset(partitions_def=SHOPS, deps=[cents])
        def published() -> None: ...

        return [rows, cents, published]

    failed = run_assets(chain("unknown"), instance, partition="oslo", tags={"team": "shop"})
    assert failed.steps == {"rows": "success", "cents": "failure", "published": "not started"}
    mended = rerun_from_failure(chain("3"), failed, instance)
    assert (mended.status, mended.steps) == ("SUCCESS", {"cents": "success", "published": "success"})
    assert (counted, stored_value(chain("3"), "cents", instance, partition="oslo")) == (["oslo"], 6)
    assert (mended.tags["team"], mended.partitions["cents"]) == ("shop", ["oslo"])


def test_a_rerun_that_needs_memory_fails(instance: dg.DagsterInstance) -> None:
    """With an in-memory IO manager the first run's values are gone, which a green first run does not show."""

    @dg.asset
    def doubled(orders: list[int]) -> int:
        return 2 * int("x" if len(instance.get_runs()) == 1 else "3")

    def in_memory() -> dict[str, object]:
        return {"io_manager": dg.InMemoryIOManager()}

    failed = run_assets([orders, doubled], instance, resources=in_memory())
    again = rerun_from_failure([orders, doubled], failed, instance, resources=in_memory())
    assert (again.steps, again.errors["doubled"].startswith("KeyError")) == ({"doubled": "failure"}, True)


def test_a_success_cannot_be_rerun_from_failure(instance: dg.DagsterInstance) -> None:
    """The message says how the run ended."""
    with pytest.raises(ValueError, match="ended as SUCCESS"):
        rerun_from_failure([orders], run_assets([orders], instance), instance)


def test_a_job_runs_with_its_own_config_and_tags(instance: dg.DagsterInstance) -> None:
    """A partitioned config makes the run config of the key; the job's tags are on the run."""

    @dg.static_partitioned_config(["bern", "oslo"])
    def per_shop(partition_key: str) -> dict[str, object]:
        return {"ops": {"count": {"config": {"shop": partition_key}}}}

    @dg.op(config_schema={"shop": str})
    def count(context: dg.OpExecutionContext) -> None:
        context.log.info("shop %s", context.op_config["shop"])

    @dg.job(config=per_shop, tags={"team": "shop"})
    def counting() -> None:
        count()

    run = run_job(dg.Definitions(jobs=[counting]), "counting", instance, partition="oslo")
    assert ("INFO count: shop oslo" in run.log, run.tags["team"], run.tags["dagster/partition"]) == (True, "shop", "oslo")


def test_a_second_run_is_compared(instance: dg.DagsterInstance) -> None:
    """A load that replaces gives no change; one that appends, or that fails the second time, is named."""
    table: list[int] = []

    def load(replace: bool) -> dg.AssetsDefinition:
        @dg.asset
        def loaded() -> dg.MaterializeResult:
            if replace:
                table.clear()
            table.extend([1, 2])
            return dg.MaterializeResult(metadata={"rows": len(table)})

        return loaded

    first, second = (run_assets([load(replace=True)], instance) for _ in range(2))
    assert changes_between(first, second) == {}
    assert changes_between(second, run_assets([load(replace=False)], instance)) == {"metadata.loaded.rows": (2, 4)}


def test_nothing_is_written_outside_the_instance(instance: dg.DagsterInstance, tmp_path_factory, monkeypatch) -> None:
    """Telemetry would make ~/.dagster; a run leaves only what the IO managers store."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    run_assets([orders], instance)
    assert (list(home.iterdir()), instance.telemetry_enabled) == ([], False)
