"""Run assets and jobs in this process, by the code that runs them in a deployment's run worker.

Real: the run, its config, partitions, checks, retries and hooks, the bound IO managers; the default one stores
pickles, also for a job of ops, whose `execute_in_process` keeps objects in memory and hides what cannot be pickled.
Simulated: the processes of the run and of its steps; steps run one after another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from code_location import Source, as_definitions, live_location
from finished_run import FinishedRun, read_run
from private_names import importable_job

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


class NothingStored(LookupError):
    """An asset's value was asked for, and no IO manager has stored one."""


def run_assets(
    source: Source,
    instance: dg.DagsterInstance,
    selection: dg.CoercibleToAssetSelection | None = None,
    *,
    partition: str | tuple[str, str] | None = None,
    run_config: dg.RunConfig | Mapping[str, Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> FinishedRun:
    """Materialize the selected assets, or all, with their checks; a failure is in the result, not raised.

    `partition`: a key, or (first, last) for one run over a range, as a single-run backfill makes it.
    Raises DagsterInvalidConfigError for a config that a run would not start with, ValueError for a selection of nothing
    (a job would be green without a step).
    """
    definitions = as_definitions(source, resources)
    graph = definitions.resolve_asset_graph()
    chosen = dg.AssetSelection.from_coercible(selection if selection is not None else dg.AssetSelection.all())
    keys = sorted(chosen.resolve(graph))
    if not keys:
        raise ValueError(f"the selection {selection!r} holds none of the assets")
    partitions = next((graph.get(key).partitions_def for key in keys if graph.get(key).is_partitioned), None)
    how = {"run_config": run_config, "tags": {**_partition_tags(partitions, instance, partition), **(tags or {})}}
    if selection is not None:
        how["asset_selection"] = keys
    return _execute(definitions, definitions.resolve_implicit_global_asset_job_def().name, instance, **how)


def run_job(
    source: Source,
    job_name: str,
    instance: dg.DagsterInstance,
    *,
    partition: str | tuple[str, str] | None = None,
    run_config: dg.RunConfig | Mapping[str, Any] | None = None,
    resources: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> FinishedRun:
    """Run a job by name as the UI would launch it; arguments and errors as in `run_assets`.

    The job's own tags, hooks and config apply; without `run_config`, a partitioned config makes its own.
    """
    definitions = as_definitions(source, resources)
    job = definitions.resolve_job_def(job_name)
    every_tag = {**_partition_tags(job.partitions_def, instance, partition), **(tags or {})}
    if run_config is None and job.partitioned_config and isinstance(partition, str):
        run_config = job.partitioned_config.get_run_config_for_partition_key(partition)
    return _execute(definitions, job_name, instance, run_config=run_config, tags=every_tag)


def rerun_from_failure(
    source: Source,
    failed: FinishedRun,
    instance: dg.DagsterInstance,
    *,
    resources: Mapping[str, Any] | None = None,
) -> FinishedRun:
    """The UI's "Re-execute from failure": only steps that failed or never started, the same config and tags.

    Inputs come from what the IO managers stored in the failed run. `source` may hold mended assets. (On its own,
    `execute_job` with `ReexecutionOptions.from_failure` loses the run's tags, the partition among them.)
    """
    if failed.status != "FAILURE":
        raise ValueError(f"run {failed.run_id} of {failed.job} ended as {failed.status}: only a FAILURE can be re-executed")
    options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
    definitions = as_definitions(source, resources)
    return _execute(definitions, failed.job, instance, reexecution_options=options, tags=failed.tags)


def stored_value(
    source: Source,
    asset: dg.CoercibleToAssetKey,
    instance: dg.DagsterInstance,
    *,
    partition: str | None = None,
    resources: Mapping[str, Any] | None = None,
) -> Any:
    """An asset's value as its IO manager loads it for the next asset, after any run; raises NothingStored."""
    definitions = as_definitions(source, resources)
    try:
        return definitions.load_asset_value(asset, instance=instance, partition_key=partition)
    except (FileNotFoundError, KeyError) as missing:
        key = dg.AssetKey.from_coercible(asset).to_user_string()
        place = f"partition {partition!r} of {key}" if partition else key
        raise NothingStored(
            f"{place}: no stored value ({type(missing).__name__}: {missing}); the asset has not run in this instance, "
            f"or gave None or a MaterializeResult without value="
        ) from missing


def _execute(definitions: dg.Definitions, job: str, instance: dg.DagsterInstance, **how: Any) -> FinishedRun:
    run_config = how.pop("run_config", None)
    if isinstance(run_config, dg.RunConfig):
        run_config = run_config.to_config_dict()
    if run_config is not None:
        how["run_config"] = run_config
    with live_location(definitions) as module:
        result = dg.execute_job(importable_job(module, job), instance, raise_on_error=False, **how)
    return read_run(instance, result.run_id)


def _partition_tags(
    partitions: dg.PartitionsDefinition | None, instance: dg.DagsterInstance, wanted: str | tuple[str, str] | None
) -> Mapping[str, str]:
    if wanted is None:
        return {}
    if partitions is None:
        raise ValueError(f"partition={wanted!r}: nothing that would run has partitions")
    known = partitions.get_partition_keys(dynamic_partitions_store=instance)
    for key in [wanted] if isinstance(wanted, str) else wanted:
        if key not in known:
            ends = f"{known[0]!r} to {known[-1]!r}" if known else "none yet"
            raise ValueError(f"partition {key!r}: there are {len(known)} partitions, {ends}")
    if isinstance(wanted, str):
        return partitions.get_tags_for_partition_key(wanted)
    return {RANGE_START: wanted[0], RANGE_END: wanted[1]}
