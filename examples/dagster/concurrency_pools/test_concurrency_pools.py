"""Slots are counted while a step holds them; runs, as the queue's own code lets them go."""

import shutil
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
import yaml
from code_location import as_definitions, live_location
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from instances import INSTANCE_CONFIG
from private_names import in_process_workspace
from run_assets import run_assets

SHIPPED = yaml.safe_load(Path(__file__).with_name("dagster.yaml").read_text())["concurrency"]
SHOPS = ["basel", "basel", "bern", None]


@pytest.fixture
def home(instance_template: Path, tmp_path: Path) -> Path:
    """The folder of an empty instance; its dagster.yaml is for the test to write."""
    return Path(shutil.copytree(instance_template, tmp_path / "home"))


def instance_with(home: Path, concurrency: dict, queue: bool = False) -> dg.DagsterInstance:
    """An instance with these limits, and with the run queue if asked."""
    config = yaml.safe_load(INSTANCE_CONFIG) | {"concurrency": concurrency}
    if queue:
        del config["run_coordinator"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    return dg.DagsterInstance.from_config(str(home))


@pytest.mark.parametrize(
    ("how", "limits", "held"),
    [
        ({"pool": "duckdb"}, {"pools": {"default_limit": 1}}, 1),
        ({"pool": "duckdb"}, {}, 0),
        ({"pool": "duckdb"}, {"pools": {"default_limit": 1, "granularity": "run"}}, 0),
        ({"op_tags": {"dagster/concurrency_key": "duckdb"}}, {"pools": {"default_limit": 1}}, 1),
        ({"tags": {"dagster/concurrency_key": "duckdb"}}, {"pools": {"default_limit": 1}}, 0),
        ({"tags": {"pool": "duckdb"}}, {"pools": {"default_limit": 1}}, 0),
    ],
)
def test_what_takes_a_slot(home: Path, how: dict, limits: dict, held: int) -> None:
    """Silent: a pool without a limit, and a tag of the asset. The op tag of two years ago still counts."""
    slots: list[int] = []

    def look(context: dg.AssetExecutionContext) -> None:
        slots.append(context.instance.event_log_storage.get_concurrency_info("duckdb").active_slot_count)

    with instance_with(home, limits) as instance:
        assert run_assets([dg.asset(look, name="orders", **how)], instance).errors == {}
    assert slots == [held]


def test_a_limit_set_by_hand_outlasts_the_default(home: Path) -> None:
    """`dagster instance concurrency set duckdb 4` is stored, and wins over default_limit: 1."""
    with instance_with(home, SHIPPED) as instance:
        instance.event_log_storage.set_concurrency_slots("duckdb", 4)
        run_assets([dg.asset(lambda: None, name="orders", pool="duckdb")], instance)
        assert instance.event_log_storage.get_concurrency_info("duckdb").slot_count == 4


def test_the_example_is_in_the_pool(example: ModuleType) -> None:
    """Both writers of the file; a name spelled differently would be another pool."""
    assert [asset.op.pool for asset in (example.orders, example.rates)] == ["duckdb", "duckdb"]


def let_go(home: Path, runs: dict) -> list[str | None]:
    """Shops of the runs that leave the queue in the first turn of the daemon."""
    defs = as_definitions(
        dg.Definitions([orders := dg.asset(lambda: None, name="orders")], jobs=[dg.define_asset_job("load", [orders])])
    )
    with (
        instance_with(home, {"runs": runs}, queue=True) as instance,
        live_location(defs) as module,
        in_process_workspace(instance, module) as workspace,
    ):
        request = workspace.create_request_context()
        [location] = request.code_locations
        [repository] = location.get_repositories().values()
        job = repository.get_full_job("load")
        origins = {"remote_job_origin": job.get_remote_origin(), "job_code_origin": job.get_python_origin()}
        for shop in SHOPS:
            run = instance.create_run_for_job(defs.resolve_job_def("load"), tags={"shop": shop} if shop else {}, **origins)
            instance.submit_run(run.run_id, request)
        list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(workspace))
        return [run.tags.get("shop") for run in instance.get_runs(ascending=True) if run.is_finished]


@pytest.mark.parametrize(
    ("runs", "gone"),
    [
        ({"max_concurrent_runs": 2}, ["basel", "basel"]),
        (SHIPPED["runs"], ["basel", "bern", None]),
        ({"tag_concurrency_limits": [{"key": "shop", "limit": 1}]}, ["basel", None]),
        ({"tag_concurrency_limits": [{"key": "Shop", "limit": 1}]}, SHOPS),
    ],
)
def test_which_runs_leave_the_queue(home: Path, runs: dict, gone: list[str | None]) -> None:
    """Silent: a limit on a key is for all its values together; a key that no run has limits nothing."""
    assert let_go(home, runs) == gone


def test_two_places_for_one_setting_are_refused(home: Path) -> None:
    """The old `run_queue` beside `concurrency.runs`."""
    (home / "dagster.yaml").write_text("run_queue: {max_concurrent_runs: 1}\nconcurrency: {runs: {max_concurrent_runs: 2}}\n")
    with pytest.raises(dg.DagsterInvalidConfigError, match=r"in `run_queue` which is incompatible"):
        dg.DagsterInstance.from_config(str(home)).get_concurrency_config()
