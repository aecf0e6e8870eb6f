"""What runs again, what it reads, and when a run retry never comes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
import yaml
from code_location import as_definitions, live_location
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from finished_run import FinishedRun, read_run
from instances import INSTANCE_CONFIG
from private_names import in_process_workspace
from run_assets import rerun_from_failure, run_assets


@pytest.fixture
def rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Call with the JSON text of the rates."""
    monkeypatch.setenv("SHOP_RATES", str(tmp_path / "rates.json"))
    return lambda text: (tmp_path / "rates.json").write_text(text) and None


def test_only_what_failed_runs_again(example: ModuleType, instance, rates) -> None:
    """With the rate mended, the orders are not read again and the total is what a clean run gives."""
    rates('{"EUR": 100}')
    failed = run_assets(example.defs, instance)
    assert (failed.errors, failed.steps["orders"]) == ({"priced": "KeyError: 'CHF'"}, "success")
    rates('{"EUR": 100, "CHF": 104}')
    mended = rerun_from_failure(example.defs, failed, instance)
    assert mended.steps == {"priced": "success", "total": "success"}
    assert mended.metadata["total"]["cents"] == run_assets(example.defs, instance).metadata["total"]["cents"] == 1282


def test_the_input_is_what_is_stored_now(example: ModuleType, instance, rates, monkeypatch) -> None:
    """Silent: another run has replaced the orders in between, and the re-run takes those, not the failed run's."""
    rates("{}")
    failed = run_assets(example.defs, instance)
    monkeypatch.setattr(example, "ORDERS", [("EUR", 1)])
    run_assets(example.defs, instance, "orders")
    rates('{"EUR": 100}')
    assert rerun_from_failure(example.defs, failed, instance).metadata["total"]["cents"] == 1


def test_values_in_memory_are_gone(example: ModuleType, instance, rates) -> None:
    """An InMemoryIOManager makes from-failure fail in every new process; here a new run."""
    in_memory = {"io_manager": dg.InMemoryIOManager()}
    rates("{}")
    failed = run_assets(example.defs, instance, resources=in_memory)
    again = rerun_from_failure(example.defs, failed, instance, resources={"io_manager": dg.InMemoryIOManager()})
    assert again.errors["priced"].startswith("KeyError: ")


def test_a_failed_gate_looks_at_the_old_rows_again(instance) -> None:
    """Silent: the source is mended, but from-failure repeats the check alone, on what was stored."""
    source = {"cents": -1}
    rows = dg.asset(lambda: source["cents"], name="rows")

    @dg.asset_check(asset=rows, blocking=True)
    def positive(rows) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=rows > 0)

    failed = run_assets([rows, positive], instance)
    source["cents"] = 1
    assert rerun_from_failure([rows, positive], failed, instance).steps == {"rows_positive": "failure"}
    assert run_assets([rows, positive], instance).status == "SUCCESS"


def retried(
    home: Path, settings: dict | None, tags: dict[str, str], failures: int = 2, policy: dg.RetryPolicy | None = None
) -> list[FinishedRun]:
    """All runs of a job whose second asset fails so often, with the daemon's code for run retries after each."""
    tries: list[int] = []

    def fail_at_first() -> None:
        tries.append(1)
        if len(tries) <= failures:
            raise ConnectionError("busy")

    assets = [dg.asset(lambda: None, name="orders"), dg.asset(fail_at_first, name="total", deps=["orders"], retry_policy=policy)]
    defs = as_definitions(dg.Definitions(assets, jobs=[dg.define_asset_job("load", assets, tags=tags)]))
    config = yaml.safe_load(INSTANCE_CONFIG) | ({"run_retries": settings} if settings else {})
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    with (
        dg.DagsterInstance.from_config(str(home)) as instance,
        live_location(defs) as module,
        in_process_workspace(instance, module) as workspace,
    ):
        daemon, request = EventLogConsumerDaemon(), workspace.create_request_context()
        list(daemon.run_iteration(workspace))  # the first turn only takes its position
        [location] = request.code_locations
        [repository] = location.get_repositories().values()
        job = repository.get_full_job("load")
        origins = {"remote_job_origin": job.get_remote_origin(), "job_code_origin": job.get_python_origin()}
        run = instance.create_run_for_job(defs.resolve_job_def("load"), tags=dict(job.tags), **origins)
        instance.submit_run(run.run_id, request)
        on = daemon.daemon_type() in instance.get_required_daemon_types()  # `dagster-daemon run` starts no others
        for _ in range(failures + 1 if on else 0):
            list(daemon.run_iteration(workspace))
        return [read_run(instance, one.run_id) for one in instance.get_runs(ascending=True)]


TWICE = {"dagster/max_retries": "2"}
ENABLED = {"enabled": True, "max_retries": 0}


@pytest.mark.parametrize(
    ("settings", "tags", "steps_of_runs"),
    [
        (ENABLED, TWICE, [2, 1, 1]),
        (ENABLED, TWICE | {"dagster/retry_strategy": "ALL_STEPS"}, [2, 2, 2]),
        (ENABLED, TWICE | {"dagster/retry_strategy": "all_steps"}, [2, 1, 1]),
        (ENABLED | {"max_retries": 2}, {}, [2, 1, 1]),
        (ENABLED | {"retry_on_asset_or_op_failure": False}, TWICE, [2]),
        ({"max_retries": 3}, TWICE, [2]),
        (None, TWICE, [2]),
    ],
)
def test_run_retries_need_the_switch_and_a_number(
    instance_template: Path, tmp_path: Path, settings, tags, steps_of_runs: list[int]
) -> None:
    """Silent: tags without `enabled`, a count without it, and a strategy in small letters, which is taken as FROM_FAILURE."""
    home = shutil.copytree(instance_template, tmp_path / "home")
    assert [len(run.steps) for run in retried(home, settings, tags)] == steps_of_runs


def test_the_shipped_settings_are_valid(example: ModuleType, tmp_path: Path) -> None:
    """dagster.yaml of this folder enables run retries, and leaves the number to the job."""
    (tmp_path / "dagster.yaml").write_text(Path(__file__).with_name("dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 0)
    assert example.load.tags["dagster/max_retries"] == "2"


def test_trap_retries_of_runs_multiply_those_of_steps(
    instance_template: Path, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """Two retries of a run of two tries are six; in a process of your own the tag retries nothing."""
    home, twice = shutil.copytree(instance_template, tmp_path / "home"), dg.RetryPolicy(max_retries=1)
    runs = retried(home, ENABLED, TWICE, failures=6, policy=twice)
    assert [run.tries["total"] for run in runs] == [2, 2, 2]
    alone = run_assets([dg.asset(lambda: 1 / 0, name="total", retry_policy=twice)], instance, tags=TWICE)
    assert (alone.tries, instance.get_runs_count()) == ({"total": 2}, 1)
