"""How Dagster loads a file and exercises what it defines: materialize, execute, evaluate, tick.

Runs inside Dagster's environment, in a process of its own per snippet.
"""

from __future__ import annotations

import datetime
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from .live_names import signature_keywords
from .locate import definition_line, line_of_word
from .probe_failure import ProbeFailure, is_selected
from .run_snippet import load_module, place_sample

ROOTS = ("dagster", "dagster_")
NOTHING_DEFINED = (
    "defines no asset, job, schedule, sensor, check or Definitions at module level, and runs nothing; "
    "call what it defines, or add a test_* function"
)
LEARN_LEVEL = "runs"
TICK = datetime.datetime(2026, 3, 4, 6, 0, tzinfo=datetime.UTC)  # the moment schedules are evaluated at
SAMPLES = (
    """
import pytest, _pytest.assertion.rewrite, runpy
import dagster as dg
import duckdb
import pandas
class Store(dg.ConfigurableResource):
    path: str = ":memory:"
@dg.asset(kinds={"python"}, retry_policy=dg.RetryPolicy(max_retries=1, delay=0.1))
def raw(store: Store):
    return [1]
@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
def daily(context: dg.AssetExecutionContext) -> None: ...
@dg.asset_check(asset=raw, blocking=True)
def enough(raw):
    return dg.AssetCheckResult(passed=len(raw) > 0, metadata={"n": len(raw)})
@dg.op
def one(): return 1
@dg.job
def work(): one()
@dg.sensor(job=work)
def watch(context): return dg.SensorResult(run_requests=[dg.RunRequest(run_key="1")])
defs = dg.Definitions(assets=[raw, daily], asset_checks=[enough], jobs=[work], sensors=[watch],
    schedules=[dg.ScheduleDefinition(name="s", job=work, cron_schedule="0 6 * * *"),
        dg.ScheduleDefinition(name="t", job=dg.define_asset_job("some", "raw+"), cron_schedule="0 6 * * *")],
    resources={"store": Store()})
""",
)


HIDDEN = {"compute_kind": "hidden, and sets no kind; use kinds={...}"}  # where Dagster's own mark has no words


# --- what the static level asks


def stale_marks(value: Any) -> Iterator[tuple[str, str]]:
    """Dagster's own marks on an object: (kind, message) for deprecated and superseded ones."""
    from dagster import _symbol_annotations as marks  # private: tests/test_probe_dagster.py pins its names

    value = value.fget if isinstance(value, property) else value
    try:
        if marks.is_deprecated(value):
            info = marks.get_deprecated_info(value)
            yield "DeprecationWarning", f"deprecated, gone in {info.breaking_version}: {info.additional_warn_text or ''}"
        if marks.is_superseded(value):
            yield "SupersessionWarning", f"superseded: {marks.get_superseded_info(value).additional_warn_text or ''}"
    except Exception:  # the marks are read from any object; most have none
        return


def stale_keywords(function: Any) -> dict[str, str]:
    """Parameters that Dagster marks as deprecated or hides from the signature, each with what to use instead."""
    from dagster import _symbol_annotations as marks

    try:
        found = marks.get_deprecated_params(function)
    except Exception:
        return {}
    return {name: info.additional_warn_text or HIDDEN.get(name, "hidden, kept only for old code") for name, info in found.items()}


def known_keywords(function: Any) -> set[str] | None:
    """Keywords of a function; a ``**kwargs`` of Dagster's own decorators only takes its marked, hidden parameters."""
    import inspect

    known = signature_keywords(function)
    hidden = stale_keywords(function)
    if known is not None or not hidden:
        return known
    parameters = inspect.signature(function).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return named | set(hidden)


def decorated_class(decorator: Any) -> type | None:
    """What a decorated function becomes."""
    import dagster as dg

    made = {dg.asset: dg.AssetsDefinition, dg.multi_asset: dg.AssetsDefinition, dg.job: dg.JobDefinition, dg.op: dg.OpDefinition}
    try:
        return made.get(decorator)
    except TypeError:
        return None


# --- the session


def warm_up() -> None:
    """Import what every Dagster snippet pays for."""
    importlib.import_module("dagster")
    share_migrations()


def share_migrations() -> None:
    """Read Dagster's own migrations once a process: each new instance reads all of them twice, most of what it costs."""
    from alembic.script import ScriptDirectory

    read, kept = ScriptDirectory.from_config, dict[str, Any]()

    def from_config(config: Any) -> Any:
        location = config.get_main_option("script_location") or ""
        if not location.startswith("dagster"):
            return read(config)
        if location not in kept:
            kept[location] = read(config)
        return kept[location]

    ScriptDirectory.from_config = from_config


def rehearse(folder: Path) -> None:
    """Load and exercise the sample: Dagster's first materialization in a process costs the most of all."""
    import sys

    name = "rehearsed_sample"
    try:
        exercise(load_module(place_sample(sys.modules[__name__], folder), name), {})
    finally:
        sys.modules.pop(name, None)


def start_session(folder: Path, kept: Path) -> None:
    """Dagster needs nothing that outlives a snippet."""


def stop_session() -> None:
    """Nothing was started."""


def session_processes() -> set[int]:
    """No process of the session's own."""
    return set()


# --- one snippet


def enter(path: Path) -> None:
    """Give the snippet an instance folder of its own, with telemetry off."""
    home = Path(os.environ["HOME"]) / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    os.environ["DAGSTER_HOME"] = str(home)


def load(path: Path, name: str) -> ModuleType:
    """Import the file as ``dagster dev -f`` does."""
    return load_module(path, name)


def validate(module: ModuleType) -> Any:
    """The Definitions of the module, loaded whole as a code location loads them. Raises Dagster's own errors."""
    import dagster as dg

    found = [value for value in vars(module).values() if isinstance(value, dg.Definitions)]
    if len(found) > 1:
        raise ProbeFailure("SeveralDefinitions", f"{len(found)} Definitions at module level; a code location has one, merge them")
    lazy = [value for value in vars(module).values() if type(value).__name__ == "LazyDefinitions"]
    if not found and lazy:
        found = [lazy[0]()]
    definitions = found[0] if found else _loose_definitions(module)
    if definitions is None:
        return None
    try:
        dg.Definitions.validate_loadable(definitions)
    except dg.DagsterInvalidDefinitionError as error:
        if found or "resource with key" not in str(error) or not _passes_resources_itself(module):
            raise
        return None  # the snippet's own run or test gives them: that is its exercise
    return definitions


def _passes_resources_itself(module: ModuleType) -> bool:
    """Whether a call in the file other than ``Definitions(...)`` hands resources over: ``materialize(..., resources=...)``."""
    import ast

    calls = (n for n in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))) if isinstance(n, ast.Call))
    return any(keyword.arg == "resources" for call in calls for keyword in call.keywords)


def _loose_definitions(module: ModuleType) -> Any:
    """Definitions of what stands at module level, for a snippet that shows only a part."""
    import dagster as dg
    from dagster import AssetChecksDefinition, AssetsDefinition, AssetSpec, SourceAsset

    values = list({id(v): v for v in vars(module).values()}.values())
    values += [item for v in values if type(v) in (list, tuple) for item in v]
    assets = [
        v
        for v in values
        if isinstance(v, (AssetsDefinition, AssetSpec, SourceAsset)) and not isinstance(v, AssetChecksDefinition)
    ]
    checks = [v for v in values if isinstance(v, AssetChecksDefinition)]
    jobs = [v for v in values if isinstance(v, dg.JobDefinition) or type(v).__name__ == "UnresolvedAssetJobDefinition"]
    schedules = [
        v for v in values if isinstance(v, dg.ScheduleDefinition) or "PartitionedAssetScheduleDefinition" in type(v).__name__
    ]
    sensors = [v for v in values if isinstance(v, dg.SensorDefinition)]
    if not any((assets, checks, jobs, schedules, sensors)):
        return None
    resources = _loose_resources(module)
    return dg.Definitions(
        assets=assets, asset_checks=checks, jobs=jobs, schedules=schedules, sensors=sensors, resources=resources
    )


def _loose_resources(module: ModuleType) -> dict[str, Any]:
    """Resources of a part-snippet: instances under their own name, and classes that need no setting."""
    import dagster as dg

    kinds = (dg.ConfigurableResource, dg.ResourceDefinition, dg.IOManagerDefinition)
    return {name: value for name, value in vars(module).items() if isinstance(value, kinds)}


def names_in(definitions: Any) -> list[str]:
    """The assets, jobs, schedules and sensors of a file."""
    if definitions is None:
        return []
    repository = definitions.get_repository_def()
    jobs = [job.name for job in definitions.jobs or ()]
    named = [one.name for one in (*repository.schedule_defs, *repository.sensor_defs)]
    return [*(key.to_user_string() for key in definitions.resolve_asset_graph().toposorted_asset_keys), *jobs, *named]


def exercise(module: ModuleType, settings: dict[str, Any]) -> list[str]:
    """Run what the module defines; return what was run. Raises the tool's error, or ProbeFailure."""
    import dagster as dg

    definitions = validate(module)
    if definitions is None:
        return []
    with dg.DagsterInstance.ephemeral() as instance:
        done = _materialize(definitions, instance, settings)
        done += _execute_jobs(definitions, instance, settings)
        with dg.partition_loading_context(dynamic_partitions_store=instance):  # contexts of ticks drop this instance
            done += _tick_schedules(module, definitions, instance, settings)
            done += _tick_sensors(module, definitions, instance, settings)
        done += [] if settings.get("select") else _evaluate_automation(definitions, instance)
    if settings.get("select"):
        return done
    return done or [key.to_user_string() for key in definitions.resolve_asset_graph().external_asset_keys]


def _materialize(definitions: Any, instance: Any, settings: dict[str, Any]) -> list[str]:
    """Materialize every asset in order of dependency, one run per stretch of assets with the same partitions."""
    done: list[str] = []
    for keys, partition in _stretches(definitions, instance, settings):
        job = _asset_job(definitions, keys)
        try:
            result = job.execute_in_process(
                instance=instance, partition_key=partition, asset_selection=keys, run_config=settings.get("config")
            )
        except Exception as error:
            if told := _explained(error, definitions, instance):
                raise told from error
            raise
        _fail_on_checks(result)
        done += [key.to_user_string() for key in keys]
    return done


def _explained(error: Exception, definitions: Any, instance: Any) -> ProbeFailure | None:
    """The failure that says more than the error itself, where Dagster hides the telling one behind another."""
    import dagster as dg

    behind = error.__cause__ or error.__context__
    if type(behind).__name__ == "DagsterExecutionLoadInputError":
        message = f"{behind} {type(error).__name__}: {error}"
        return ProbeFailure(type(behind).__name__, message, _line_of_failed_step(definitions, instance))
    if isinstance(error, dg.DagsterTypeCheckDidNotPass):
        return ProbeFailure(type(error).__name__, str(error), _line_of_failed_step(definitions, instance))
    if type(error).__name__ == "DagsterAssetCheckFailedError":
        check = str(error).split()[-1].rstrip(".")
        return ProbeFailure(type(error).__name__, f"{check}: {error}")
    return None


def _line_of_failed_step(definitions: Any, instance: Any) -> int | None:
    """The ``def`` line of the function whose step failed in the newest run."""
    runs = instance.get_runs(limit=1)
    failures = [r for r in instance.all_logs(runs[0].run_id) if r.is_dagster_event and r.dagster_event.is_step_failure]
    if not failures:
        return None
    for assets in definitions.get_repository_def().assets_defs_by_key.values():
        if assets.op.name == failures[0].step_key and hasattr(assets.op, "compute_fn"):
            code = assets.op.compute_fn.decorated_fn.__code__
            return definition_line(Path(code.co_filename).read_text(encoding="utf-8"), code.co_firstlineno)
    return None


def _asset_job(definitions: Any, keys: list[Any]) -> Any:
    repository = definitions.get_repository_def()
    for name in repository.get_implicit_asset_job_names():
        job = repository.get_job(name)
        if set(keys) <= set(job.asset_layer.executable_asset_keys):
            return job
    raise ProbeFailure("NoAssetJob", f"no job materializes {', '.join(k.to_user_string() for k in keys)}")


def _stretches(definitions: Any, instance: Any, settings: dict[str, Any]) -> Iterator[tuple[list[Any], str | None]]:
    graph = definitions.resolve_asset_graph()
    executable = set(graph.materializable_asset_keys)
    stretch: list[Any] = []
    partitions = None
    for key in graph.toposorted_asset_keys:
        if key not in executable or not is_selected(key.to_user_string(), settings):
            continue
        own = graph.get(key).partitions_def
        if stretch and own != partitions:
            yield stretch, _partition_key(partitions, instance, settings)
            stretch = []
        stretch, partitions = [*stretch, key], own
    if stretch:
        yield stretch, _partition_key(partitions, instance, settings)


def _partition_key(partitions: Any, instance: Any, settings: dict[str, Any]) -> Any:
    """The partition that the mark names, where these assets have it; else the first one they have."""
    if partitions is None:
        return None
    keys = list(partitions.get_partition_keys(dynamic_partitions_store=instance))
    asked = settings.get("partition")
    if asked is not None and asked not in keys and _is_dynamic(partitions):
        instance.add_dynamic_partitions(partitions.name, [asked])
        return asked
    if not keys:
        raise ProbeFailure("NoPartition", "has no partition yet; name one: `with partition=KEY`")
    return asked if asked in keys else keys[0]


def _is_dynamic(partitions: Any) -> bool:
    return type(partitions).__name__ == "DynamicPartitionsDefinition"


def _fail_on_checks(result: Any) -> None:
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed:
            name = f"{evaluation.asset_key.to_user_string()}:{evaluation.check_name}"
            message = f"check {evaluation.check_name!r} did not pass, and nothing says that it should not ({name})"
            raise ProbeFailure("AssetCheckFailed", message)


def _execute_jobs(definitions: Any, instance: Any, settings: dict[str, Any]) -> list[str]:
    """Execute the jobs made of ops; asset jobs are resolved, their assets were materialized already."""
    import dagster as dg

    done = []
    for job in definitions.jobs or ():
        if isinstance(job, dg.JobDefinition) and is_selected(job.name, settings):
            partition = _partition_key(job.partitions_def, instance, settings)
            job.execute_in_process(instance=instance, partition_key=partition, run_config=settings.get("config"),
                                   resources=None)  # fmt: skip
            done.append(job.name)
    return done


def _tick_schedules(module: ModuleType, definitions: Any, instance: Any, settings: dict[str, Any]) -> list[str]:
    """Evaluate every schedule at one moment and hold its run requests against the job they are for."""
    import dagster as dg

    repository = definitions.get_repository_def()
    moment = datetime.datetime.fromisoformat(settings["date"]) if "date" in settings else TICK
    selected = [schedule for schedule in repository.schedule_defs if is_selected(schedule.name, settings)]
    for schedule in selected:
        with dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=moment,
            repository_def=repository,
            resources=_resources_of(repository, schedule),
        ) as context:
            data = schedule.evaluate_tick(context)
        for request in data.run_requests or ():
            _hold_against_job(module, repository, schedule, request)
    return [schedule.name for schedule in selected]


def _tick_sensors(module: ModuleType, definitions: Any, instance: Any, settings: dict[str, Any]) -> list[str]:
    """Evaluate every sensor once. Sensors on run status get the runs that this snippet itself has made."""
    import dagster as dg

    repository = definitions.get_repository_def()
    done = []
    for sensor in repository.sensor_defs:
        kind = type(sensor).__name__
        if "RunStatus" in kind or "AutomationCondition" in kind or not is_selected(sensor.name, settings):
            continue
        with dg.build_sensor_context(
            instance=instance,
            repository_def=repository,
            sensor_name=sensor.name,
            resources=_resources_of(repository, sensor),
        ) as context:
            data = sensor.evaluate_tick(context)
        for request in data.run_requests or ():
            _hold_against_job(module, repository, sensor, request)
        done.append(sensor.name)
    return done


def _resources_of(repository: Any, instigator: Any) -> dict[str, Any]:
    """The resources of the definitions that a schedule or a sensor takes as parameters, as the daemon hands them over."""
    known = repository.get_top_level_resources()
    return {name: known[name] for name in instigator.required_resource_keys if name in known}


def _hold_against_job(module: ModuleType, repository: Any, origin: Any, request: Any) -> None:
    """A run request that its job could not run: a partition that is missing, unknown or too much, or bad run config."""
    import dagster as dg

    name = request.job_name or _target_of(origin)
    if name is None or not repository.has_job(name):
        return
    job = repository.get_job(name)
    if job.partitions_def is not None and not request.partition_key:
        raise ProbeFailure(
            "NoPartitionKey",
            f"{origin.name} asks for a run of {name} without a partition key, and the run fails; "
            "use dg.build_schedule_from_partitioned_job, or pass partition_key",
            _line_of_variable(module, origin),
        )
    try:
        dg.validate_run_config(job, request.run_config or None)
    except dg.DagsterInvalidConfigError as error:
        raise ProbeFailure(type(error).__name__, str(error), _line_of_variable(module, origin)) from error


def _line_of_variable(module: ModuleType, value: Any) -> int | None:
    """The line of the statement of the module that defines ``value``: an assignment, or a decorated function."""
    import ast

    held = {name for name, own in vars(module).items() if own is value}
    for node in ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body:
        targets = [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
        if held & {*targets, getattr(node, "name", "")}:
            return node.lineno
    return None


def _target_of(origin: Any) -> str | None:
    """The one job that a schedule or sensor starts, or None where it has several or selects assets."""
    targets = origin.targets if hasattr(origin, "targets") else [origin.target]
    return targets[0].job_name if len(targets) == 1 else None


def _evaluate_automation(definitions: Any, instance: Any) -> list[str]:
    """Evaluate the automation conditions of all assets once."""
    import dagster as dg

    graph = definitions.resolve_asset_graph()
    keys = [key for key in graph.get_all_asset_keys() if graph.get(key).automation_condition is not None]
    if keys:
        dg.evaluate_automation_conditions(defs=definitions, instance=instance)
    return [f"{key.to_user_string()} (automation)" for key in keys]


def check_file(job: dict[str, Any]) -> str:
    """Hold a dagster.yaml against the instance's own schema; a workspace.yaml against the loader's."""
    import dagster
    import yaml
    from dagster._core.instance.ref import InstanceRef  # private: pinned by tests/test_probe_dagster.py
    from dagster._core.workspace.config_schema import process_workspace_config

    settings = yaml.safe_load(job["source"]) or {}
    folder = Path.cwd() / "instance"
    folder.mkdir()
    (folder / "dagster.yaml").write_text(job["source"])
    if "load_from" in settings:
        answer = process_workspace_config(settings)
        if not answer.success:
            message = answer.errors[0].message
            raise ProbeFailure("DagsterInvalidConfigError", message, line_of_word(job["source"], message))
        return "runs"
    try:
        InstanceRef.from_dir(str(folder))
    except dagster.DagsterInvalidConfigError as error:
        message = str(error).split(" Expected: ")[0]
        raise ProbeFailure("DagsterInvalidConfigError", message, line_of_word(job["source"], message)) from error
    return "runs"
