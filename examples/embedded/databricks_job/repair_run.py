"""Repair the last run of a job if it failed: the tasks that failed and all behind them, once more in the same run."""

from __future__ import annotations

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import RunResultState

REPAIRABLE = {RunResultState.FAILED, RunResultState.TIMEDOUT, RunResultState.SUCCESS_WITH_FAILURES, RunResultState.CANCELED}


def repair_last_run(workspace: WorkspaceClient, job_id: int) -> int | None:
    """The id of the repaired run; None when the last one needs none. Raises RuntimeError while a run is in progress."""
    last = next(iter(workspace.jobs.list_runs(job_id=job_id, limit=1)), None)
    if last is None:
        return None
    if last.state is None or last.state.result_state is None:
        raise RuntimeError(f"run {last.run_id} of job {job_id} is in progress; a run is repaired when it has ended")
    if last.state.result_state not in REPAIRABLE:
        return None
    history = workspace.jobs.get_run(last.run_id, include_history=True).repair_history or []
    earlier = [item.id for item in history if item.id]  # the first item is the original run, without an id
    workspace.jobs.repair_run(
        last.run_id,
        rerun_all_failed_tasks=True,
        rerun_dependent_tasks=True,  # also what ran behind the failed tasks and succeeded, such as a report of the failure
        latest_repair_id=earlier[-1] if earlier else None,  # refused without it from the second repair on
    )
    return last.run_id
