"""The traps of Dagster: the table of rules, and the one function that finds them in a loaded file."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from . import dagster_asset_traps as assets
from . import dagster_automation_traps as automation
from . import dagster_integration_traps as integrations
from .apply import apply_rules
from .dagster_loaded import load_location
from .model import Finding, Rule

SHOWN = "dagster 1.13, libraries 0.29"

RULES = (
    Rule(
        "D001",
        "loads a value that its asset does not store",
        "The asset returns nothing (or a MaterializeResult without value). Where an older version returned a value, the old "
        "pickle is still there: downstream stays green on it for ever. A fresh instance has none: FileNotFoundError.",
        "order only: deps=[...]; pass data: return it, or MaterializeResult(value=..., metadata=...)",
        SHOWN,
        assets.argument_of_nothing,
    ),
    Rule(
        "D002",
        "asks for runs without a partition over partitioned assets",
        "The run is green where the body never asks for its partition key, and materializes no partition: every one stays "
        "missing. A body that asks fails at each tick.",
        "dg.build_schedule_from_partitioned_job(job, ...), or @dg.schedule with RunRequest(partition_key=...)",
        SHOWN,
        automation.schedule_without_partition,
    ),
    Rule(
        "D003",
        "holds its secret in clear, for everybody who may open the UI",
        "Defaults and configured values of a resource are part of the snapshot that the code location sends to the webserver, "
        "also when they were read with os.environ.",
        "a field without default, given as dg.EnvVar('NAME'): the snapshot then holds the name only",
        SHOWN,
        assets.secret_in_resource,
    ),
    Rule(
        "D004",
        "has a compute_kind, which sets no kind",
        "The asset has no kind: a selection such as kind:python leaves it out, and the job that uses it is green without it.",
        "kinds={'python'}",
        SHOWN,
        assets.compute_kind,
        same_as=r"DeprecatedParameter: \S+\(compute_kind=\)",
    ),
    Rule(
        "D005",
        "asks in a loop for runs without run_key, and keeps no cursor",
        "Each evaluation starts a run for everything that it sees again: the same file is loaded every 30 seconds.",
        "run_key=<identity of the item and its version>, or a cursor in SensorResult",
        SHOWN,
        automation.requests_without_run_key,
    ),
    Rule(
        "D006",
        "asks with a run_key that never changes",
        "The first run uses the key up, also when it failed; from then on evaluations are green and start nothing.",
        "run_key=<identity of the event: file and modification time, date, message id>",
        SHOWN,
        automation.constant_run_key,
    ),
    Rule(
        "D007",
        "is stopped until somebody switches it on",
        "The default status is STOPPED: after a deployment nothing ticks, and nothing says so.",
        "default_status=dg.DefaultScheduleStatus.RUNNING (DefaultSensorStatus for sensors); STOPPED, where that is meant",
        SHOWN,
        automation.stopped_by_default,
    ),
    Rule(
        "D008",
        "is evaluated by nothing: the sensor that Dagster makes for it is stopped",
        "No condition is ever evaluated, and no asset is requested, until somebody switches on "
        "default_automation_condition_sensor.",
        "dg.AutomationConditionSensorDefinition('automation', target='*', default_status=dg.DefaultSensorStatus.RUNNING)",
        SHOWN,
        automation.conditions_without_sensor,
    ),
    Rule(
        "D009",
        "has dagster/concurrency_key as a tag of the asset, where it limits nothing",
        "The step takes no slot: with a limit of 1, any number of them run at once.",
        "pool='NAME', and a limit for it in dagster.yaml or by `dagster instance concurrency set`",
        SHOWN,
        assets.concurrency_tag_of_asset,
    ),
    Rule(
        "D010",
        "is a tag that only a run can carry",
        "The run does not get the tag from its asset or op: it is not retried, nor ended after its time.",
        "dg.define_asset_job(..., tags={...}), RunRequest(tags={...}), or retry_policy= for the step",
        SHOWN,
        assets.run_tag_of_asset,
    ),
    Rule(
        "D011",
        "returns a value and has a single-run backfill policy",
        "Each day's run is green. The first backfill over a range does all the work and then fails: the IO manager cannot store "
        "one value for several partitions, and none of them is materialized.",
        "write inside the asset and return None or MaterializeResult, or an IO manager of tables",
        SHOWN,
        assets.single_run_with_value,
    ),
    Rule(
        "D012",
        "reads like a gate and does not block",
        "The check fails, the run is green, and everything downstream is built from what was refused.",
        "@dg.asset_check(..., blocking=True); across runs AutomationCondition.all_deps_blocking_checks_passed()",
        SHOWN,
        assets.gate_that_does_not_block,
        hint=True,
    ),
    Rule(
        "D013",
        "is blocking, and every result it can give has severity WARN",
        "A failed check of severity WARN does not block, whatever blocking says: downstream runs, the run is green.",
        "severity=dg.AssetCheckSeverity.ERROR, the default",
        SHOWN,
        assets.blocking_check_that_warns,
    ),
    Rule(
        "D014",
        "has partitions and no partition_expr for its table",
        "The file loads and validates; every run fails after its work is done, when the IO manager asks for the column.",
        "metadata={'partition_expr': 'COLUMN'}",
        SHOWN,
        assets.no_partition_column,
    ),
    Rule(
        "D015",
        "names an hour and no time zone",
        "The hour is read in UTC: 06:00 is 07:00 in Berlin in winter and 08:00 in summer.",
        "execution_timezone='Europe/Berlin', or 'UTC' where that is meant",
        SHOWN,
        automation.schedule_without_time_zone,
    ),
    Rule(
        "D016",
        "become no checks",
        "A source test that warns leaves the run green and no evaluation behind: no check of that name exists.",
        "DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True); other checks on that source then gate no more",
        SHOWN,
        integrations.source_tests_without_check,
    ),
    Rule(
        "D017",
        "has another key: the models do not wait for the load",
        "Models are built before the load of the same run, from the rows of the run before, and the run is green.",
        "give the dlt asset the source's key in a DagsterDltTranslator (dataset, table), or asset_key in the source's YAML",
        SHOWN,
        integrations.source_without_asset,
    ),
    Rule(
        "D018",
        "has a Kubernetes tag that no pod can be made from",
        "It is accepted when it is defined, and ignored by every run that is not in Kubernetes; there the launch fails.",
        "hold it against dagster_k8s.job.get_user_defined_k8s_config(tags) in a test",
        SHOWN,
        assets.bad_kubernetes_tag,
    ),
    Rule(
        "D020",
        "takes one layer, not all of them",
        "Without `key:` the old grammar reads it, where each plus is one layer: what lies further away is not run.",
        "'+key:NAME' for all layers, '1+key:NAME' for one",
        SHOWN,
        automation.plus_without_key,
    ),
    Rule(
        "D021",
        "appends: a second run adds every row again",
        "append is the default disposition; without an incremental cursor a rerun doubles the table, and is green.",
        "write_disposition='merge' with a primary_key, 'replace', or dlt.sources.incremental",
        SHOWN,
        integrations.append_on_every_run,
    ),
)


def find_traps(module: ModuleType, path: Path, root: Path | None = None) -> list[Finding]:
    """The traps in what ``module``, loaded from ``path``, defines; ``root`` is the project, whose other files count too.

    Runs no body of an asset, check, schedule or sensor. Raises Dagster's own errors for definitions that do not load.
    """
    loaded = load_location(module, root or path.parent)
    return apply_rules(RULES, loaded, loaded.sources) if loaded else []
