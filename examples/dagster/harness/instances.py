"""Instances for tests: one in memory, one of SQLite files; neither sends telemetry nor leaves its folder.

Real: storage of runs, events, partitions and cursors, the default IO manager's files. Left out: compute logs
(`print` of a step is only in pytest's capture), the run queue, a process for each run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

# Dagster's own launcher "intended only for test": a launched run is executed before the launch returns.
INSTANCE_CONFIG = """\
telemetry: {enabled: false}
run_launcher: {module: dagster._core.launcher.sync_in_memory_run_launcher, class: SyncInMemoryRunLauncher}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
compute_logs: {module: dagster._core.storage.noop_compute_log_manager, class: NoOpComputeLogManager}
"""


@contextmanager
def memory_instance(folder: Path) -> Iterator[dg.DagsterInstance]:
    """An empty instance in memory; only what IO managers store is in `folder`. It has no schedule storage.

    Without `tempdir` the values would be in a folder of its own under /tmp, gone with the instance.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.ephemeral(tempdir=str(folder)) as instance:
        yield instance


def build_template(folder: Path) -> Path:
    """A folder with migrated, empty SQLite files, to be copied for each test: migrating takes 0.2 s."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(INSTANCE_CONFIG)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        instance.get_runs_count()
        instance.get_dynamic_partitions("none")
        instance.all_instigator_state()
    return folder


@contextmanager
def file_instance(template: Path, folder: Path) -> Iterator[dg.DagsterInstance]:
    """An empty persistent instance in `folder`, a copy of the template: what the daemon and `get_ref()` need."""
    shutil.copytree(template, folder)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance
