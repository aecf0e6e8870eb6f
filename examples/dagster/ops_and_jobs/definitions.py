"""Old exports are deleted, one step for each folder that has some: work that leaves nothing behind, so ops and no assets.

What: a job with config, a fan-out whose width is known only in the run, its results collected, a hook on failed steps.
When: maintenance and sending. What produces a table or a file that somebody reads is an asset.
Run: dg launch --job delete_old_exports --config-json '{"ops": {"folders": {"config": {"root": "exports"}}}}' -f definitions.py
Expect: a step delete[...] for each folder with files older than 30 days; their number in the log of the last step.
"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

SECONDS_A_DAY = 86_400


class Exports(dg.Config):
    """Where exports lie, each customer's in a folder of its own."""

    root: str = "exports"


class Age(dg.Config):
    """What counts as old."""

    older_than_days: int = 30


@dg.op(out=dg.DynamicOut(str))
def folders(config: Exports) -> Iterator[dg.DynamicOutput[str]]:
    """One output for each folder. Its key names the step: letters, digits and underscores, each key once."""
    for folder in sorted(path for path in Path(config.root).glob("*") if path.is_dir()):
        yield dg.DynamicOutput(str(folder), mapping_key=step_name(folder.name))


def step_name(folder: str) -> str:
    """Different for different folders: "north-sea" and "north_sea" must not share a step."""
    return re.sub(r"[^a-z0-9]", lambda found: f"_{ord(found.group()):x}_", folder)


@dg.op(pool="file_server", retry_policy=dg.RetryPolicy(max_retries=1))
def delete(context: dg.OpExecutionContext, config: Age, folder: str) -> int:
    """Number of files deleted. A second run finds nothing to do."""
    limit = time.time() - config.older_than_days * SECONDS_A_DAY
    old = [file for file in sorted(Path(folder).iterdir()) if file.stat().st_mtime < limit]
    for file in old:
        file.unlink()
    context.add_output_metadata({"deleted": len(old)})
    return len(old)


@dg.op
def report(context: dg.OpExecutionContext, deleted: list[int]) -> int:
    """The sum over all folders; it does not run when one of them failed."""
    context.log.info(f"{sum(deleted)} files of {len(deleted)} folders deleted")
    return sum(deleted)


@dg.failure_hook
def write_down(context: dg.HookContext) -> None:
    """One line for each failed step, retries spent."""
    with Path(os.environ.get("SHOP_ALERTS", "alerts.txt")).open("a") as alerts:
        alerts.write(f"{context.job_name} {context.step_key}: {context.op_exception}\n")


@dg.job(hooks={write_down}, executor_def=dg.in_process_executor)
def delete_old_exports() -> None:
    """Fan out, delete, collect."""
    report(folders().map(delete).collect())


sunday = dg.ScheduleDefinition(
    job=delete_old_exports,
    cron_schedule="0 4 * * 0",
    execution_timezone="Europe/Berlin",
    run_config=dg.RunConfig(ops={"folders": Exports(root="/srv/exports"), "delete": Age(older_than_days=90)}),
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

defs = dg.Definitions(jobs=[delete_old_exports], schedules=[sunday])
