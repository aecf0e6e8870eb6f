"""Every name of Dagster that the harness needs and Dagster does not promise to keep, in one place.

Checked on 1.13. When an upgrade moves one, `test_private_names.py` names it; nothing else has to change.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from importlib import import_module
from typing import Any

import dagster as dg

PRIVATE_NAMES = (
    "dagster._core.definitions.reconstruct.ReconstructableRepository.for_module",
    "dagster._core.execution.backfill.PartitionBackfill.from_asset_partitions",
    "dagster._core.execution.plan.active.ActiveExecution.mark_up_for_retry",
    "dagster._core.launcher.sync_in_memory_run_launcher.SyncInMemoryRunLauncher",
    "dagster._core.remote_origin.InProcessCodeLocationOrigin",
    "dagster._core.remote_representation.external_data.JobDataSnap.from_job_def",
    "dagster._core.remote_representation.external_data.RepositorySnap.from_def",
    "dagster._core.run_coordinator.DefaultRunCoordinator",
    "dagster._core.test_utils.freeze_time",
    "dagster._core.types.loadable_target_origin.LoadableTargetOrigin",
    "dagster._core.workspace.context.WorkspaceProcessContext",
    "dagster._core.workspace.load_target.InProcessWorkspaceLoadTarget",
    "dagster._daemon.asset_daemon.AssetDaemon._run_iteration_impl",
    "dagster._daemon.backfill.execute_backfill_iteration",
    "dagster._daemon.sensor.execute_sensor_iteration",
    "dagster._scheduler.scheduler.launch_scheduled_runs",
    "dagster._utils.schedules.schedule_execution_time_iterator",
    "dagster_webserver.app.create_app_from_workspace_process_context",
)


class PrivateNameMoved(ImportError):
    """This version of Dagster has no such name; mend `private_names.py`."""


def resolve(dotted: str) -> Any:
    """The object behind a dotted name; raises PrivateNameMoved with the name and Dagster's version."""
    parts = dotted.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part, None)
        if found is not None:
            return found
    raise PrivateNameMoved(f"Dagster {dg.__version__} has no {dotted}: find its successor, mend private_names.py")


def tick_times(start: datetime, cron: str | list[str], zone: str | None) -> Iterator[datetime]:
    """The endless list of moments, from `start` on, at which the daemon evaluates a cron schedule."""
    return resolve("dagster._utils.schedules.schedule_execution_time_iterator")(start.timestamp(), cron, zone)


def frozen_at(moment: datetime) -> AbstractContextManager[None]:
    """A context in which Dagster's own clock stands still; `datetime.now()` of your code goes on."""
    return resolve("dagster._core.test_utils.freeze_time")(moment)


def in_process_workspace(instance: dg.DagsterInstance, module: str) -> Any:
    """The daemon's view of one code location, the attribute `defs` of an imported module; a context manager."""
    target = resolve("dagster._core.types.loadable_target_origin.LoadableTargetOrigin")(
        executable_path=sys.executable, module_name=module, attribute="defs"
    )
    origin = resolve("dagster._core.remote_origin.InProcessCodeLocationOrigin")(target, location_name=module)
    load_target = resolve("dagster._core.workspace.load_target.InProcessWorkspaceLoadTarget")(origin)
    return resolve("dagster._core.workspace.context.WorkspaceProcessContext")(instance, load_target)


def importable_job(module: str, job: str) -> Any:
    """A job of the attribute `defs` of an imported module, for `dg.execute_job`.

    The public `dg.build_reconstructable_job` refuses the job that "Materialize all" runs: its name is reserved.
    """
    owner = resolve("dagster._core.definitions.reconstruct.ReconstructableRepository")
    return owner.for_module(module, "defs").get_reconstructable_job(job)


def sensor_turn(workspace: Any, log: logging.Logger) -> None:
    """One turn of the sensor daemon: every running sensor whose interval has passed is evaluated."""
    for _ in resolve("dagster._daemon.sensor.execute_sensor_iteration")(workspace, log, None, None):
        pass


def schedule_turn(workspace: Any, log: logging.Logger, moment: datetime) -> None:
    """One turn of the schedule daemon at `moment`: every running schedule gets the ticks that are due."""
    for _ in resolve("dagster._scheduler.scheduler.launch_scheduled_runs")(workspace, log, moment, {}):
        pass


def automation_turn(workspace: Any) -> None:
    """One turn of the asset daemon: every running automation sensor whose interval has passed is evaluated."""
    daemon = resolve("dagster._daemon.asset_daemon.AssetDaemon")(settings={}, pre_sensor_interval_seconds=30)
    with _without_warnings_of_the_daemon():
        daemon._run_iteration_impl(workspace, None, {}, {})


def backfill_turn(workspace: Any, log: logging.Logger) -> None:
    """One turn of the backfill daemon: every open backfill launches what is due, or is closed."""
    with _without_warnings_of_the_daemon():
        for _ in resolve("dagster._daemon.backfill.execute_backfill_iteration")(workspace, log):
            pass


def webserver_app(workspace: Any) -> Any:
    """The ASGI application that `dagster-webserver` serves, over an open workspace."""
    return resolve("dagster_webserver.app.create_app_from_workspace_process_context")(workspace)


@contextmanager
def _without_warnings_of_the_daemon() -> Iterator[None]:
    """It calls a deprecated form itself, and a run that is executed inside its event loop cannot close its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Function `AssetSelection.keys` is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        yield


def new_asset_backfill(graph: Any, instance: dg.DagsterInstance, **fields: Any) -> Any:
    """What the webserver stores when somebody asks for a backfill of assets."""
    owner = resolve("dagster._core.execution.backfill.PartitionBackfill")
    texts = {"title": None, "description": None}
    return owner.from_asset_partitions(asset_graph=graph, dynamic_partitions_store=instance, **texts, **fields)


def shown_to_the_ui(definitions: dg.Definitions) -> str:
    """What a code location sends to the webserver: the repository and the data of each job, as JSON text."""
    repository = definitions.get_repository_def()
    of_job = resolve("dagster._core.remote_representation.external_data.JobDataSnap.from_job_def")
    of_repository = resolve("dagster._core.remote_representation.external_data.RepositorySnap.from_def")
    snaps = [of_repository(repository), *(of_job(job, include_parent_snapshot=True) for job in repository.get_all_jobs())]
    return "\n".join(dg.serialize_value(snap) for snap in snaps)


def without_retry_waits() -> tuple[Any, str, Callable[..., None]]:
    """Target, attribute and replacement, for `monkeypatch.setattr`: a retry is due at once."""
    owner = resolve("dagster._core.execution.plan.active.ActiveExecution")
    queue_for_retry = owner.mark_up_for_retry

    def due_at_once(execution: Any, step_key: str, at_time: float | None = None) -> None:
        queue_for_retry(execution, step_key)

    return owner, "mark_up_for_retry", due_at_once
