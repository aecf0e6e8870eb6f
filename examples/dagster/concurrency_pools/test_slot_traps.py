"""A slot that nobody gives back, and runs that pass by the queue."""

import logging
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from code_location import as_definitions, live_location
from dagster._daemon.monitoring.concurrency import execute_concurrency_slots_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._time import get_current_datetime
from instances import INSTANCE_CONFIG
from private_names import frozen_at, in_process_workspace
from run_assets import run_job

LOG = logging.getLogger("slots")
POOL = {"concurrency": {"pools": {"default_limit": 1}}}
MONITORING = {"run_monitoring": {"enabled": True, "free_slots_after_run_end_seconds": 60}}


def instance_with(folder: Path, settings: dict, queue: bool = False) -> dg.DagsterInstance:
    """An instance of these settings, with the run queue if asked."""
    config = yaml.safe_load(INSTANCE_CONFIG) | settings
    if queue:
        del config["run_coordinator"]
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    return dg.DagsterInstance.from_config(str(folder))


@pytest.mark.parametrize(("settings", "held"), [(POOL, 1), (POOL | MONITORING, 0)], ids=["default", "freed"])
def test_trap_a_killed_run_keeps_its_slot(tmp_path: Path, settings: dict, held: int) -> None:
    """Silent: an hour after the run's end the slot is still taken, unless run monitoring frees it."""
    defs = as_definitions([dg.asset(lambda: None, name="orders", pool="duckdb")])
    with (
        instance_with(tmp_path, settings) as instance,
        live_location(defs) as module,
        in_process_workspace(instance, module) as workspace,
    ):
        slots = instance.event_log_storage
        slots.initialize_concurrency_limit_to_default("duckdb")
        run = instance.create_run_for_job(defs.resolve_implicit_global_asset_job_def())
        slots.claim_concurrency_slot("duckdb", run.run_id, "orders")
        instance.report_run_failed(run, "killed")
        with frozen_at(get_current_datetime() + timedelta(hours=1)):
            list(execute_concurrency_slots_iteration(workspace, LOG))
        assert slots.get_concurrency_info("duckdb").active_slot_count == held


def test_trap_what_bypasses_the_queue_has_no_limit(tmp_path: Path) -> None:
    """Silent: the shop may have no run, and the queue lets none go; a run that is executed in process is green."""
    limits = {"concurrency": {"runs": {"tag_concurrency_limits": [{"key": "shop", "value": "basel", "limit": 0}]}}}
    orders = dg.asset(lambda: None, name="orders")
    load = dg.define_asset_job("load", [orders], tags={"shop": "basel"})
    defs = as_definitions(dg.Definitions([orders], jobs=[load]))
    with (
        instance_with(tmp_path, limits, queue=True) as instance,
        live_location(defs) as module,
        in_process_workspace(instance, module) as workspace,
    ):
        request = workspace.create_request_context()
        [repository] = request.code_locations[0].get_repositories().values()
        job = repository.get_full_job("load")
        origins = {"remote_job_origin": job.get_remote_origin(), "job_code_origin": job.get_python_origin()}
        queued = instance.create_run_for_job(defs.resolve_job_def("load"), tags={"shop": "basel"}, **origins)
        instance.submit_run(queued.run_id, request)
        list(QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(workspace))
        statuses = [instance.get_run_by_id(queued.run_id).status.value, run_job(defs, "load", instance).status]
    assert statuses == ["QUEUED", "SUCCESS"]
