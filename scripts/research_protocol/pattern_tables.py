"""Which names of the tools make which kind of thing: read by `patterns`."""

from __future__ import annotations

import re

from .import_names import tool_of

# the last part of a dotted name, by tool
MADE_BY = {
    "dagster": {
        "asset": "asset", "graph_asset": "asset", "observable_source_asset": "external asset", "AssetSpec": "asset spec",
        "SourceAsset": "external asset", "multi_asset": "multi-asset", "graph_multi_asset": "multi-asset",
        "dbt_assets": "dbt assets", "dlt_assets": "dlt assets", "sling_assets": "sling assets",
        "build_dbt_asset_specs": "dbt assets", "asset_check": "asset check", "multi_asset_check": "asset check",
        "AssetCheckSpec": "asset check", "build_last_update_freshness_checks": "asset check",
        "build_column_schema_change_checks": "asset check", "build_metadata_bounds_checks": "asset check",
        "resource": "resource", "io_manager": "IO manager", "schedule": "schedule", "ScheduleDefinition": "schedule",
        "build_schedule_from_partitioned_job": "schedule", "sensor": "sensor", "asset_sensor": "sensor",
        "multi_asset_sensor": "sensor", "run_status_sensor": "sensor", "run_failure_sensor": "sensor",
        "SensorDefinition": "sensor", "AutomationConditionSensorDefinition": "sensor", "job": "job",
        "define_asset_job": "job", "op": "op", "graph": "graph", "Definitions": "definitions", "definitions": "definitions",
        "repository": "definitions", "load_from_defs_folder": "definitions", "failure_hook": "hook", "success_hook": "hook",
        "EnvVar": "environment variable",
    },
    "airflow": {
        "dag": "DAG", "DAG": "DAG", "DbtDag": "DAG", "task": "task", "task_group": "task group", "TaskGroup": "task group",
        "DbtTaskGroup": "task group", "asset": "asset", "Asset": "asset", "AssetAlias": "asset", "Dataset": "asset",
        "AssetWatcher": "asset watcher", "setup": "task", "teardown": "task",
    },
    "prefect": {
        "flow": "flow", "task": "task", "materialize": "asset", "Asset": "asset", "serve": "deployment",
        "deploy": "deployment", "RunnerDeployment": "deployment", "from_flow": "deployment",
        "build_from_flow": "deployment",
    },
    "dlt": {
        "source": "dlt source", "resource": "dlt resource", "transformer": "dlt resource", "destination": "dlt destination",
        "pipeline": "dlt pipeline", "rest_api_source": "dlt source", "rest_api_resources": "dlt source",
        "sql_database": "dlt source", "sql_table": "dlt source", "filesystem": "dlt source",
    },
    "dbt": {"dbtRunner": "dbt call"},
    "databricks": {
        "table": "pipeline table", "view": "pipeline table", "materialized_view": "pipeline table",
        "temporary_view": "pipeline table", "append_flow": "pipeline table", "Job": "bundle job",
    },
    "snowflake": {"Task": "Snowflake task", "DAG": "Snowflake task graph", "DAGTask": "Snowflake task"},
}  # fmt: skip
# a class that derives from, or a call of, what ends so
ENDINGS = {
    "dagster": (
        ("IOManager", "IO manager"), ("IOManagerFactory", "IO manager"), ("Resource", "resource"),
        ("PartitionsDefinition", "partitions"), ("Component", "component"), ("Translator", "translator"),
    ),
    "airflow": (
        ("Operator", "operator"), ("Sensor", "operator"), ("Hook", "hook"), ("Timetable", "timetable"),
        ("Notifier", "notifier"), ("Trigger", "trigger"),
    ),
    "prefect": (("Block", "block"), ("TaskRunner", "task runner"), ("Automation", "automation")),
}  # fmt: skip
TASK_DECORATORS = ("task", "asset")  # airflow's @task.branch, @asset.multi: the part before the last says the kind
SHOWN_KEYWORDS = (
    "key", "key_prefix", "group_name", "kinds", "owners", "tags", "partitions_def", "io_manager_key", "deps", "retries",
    "retry_policy", "automation_condition", "cron_schedule", "cron", "cron_expression", "job", "target", "blocking",
    "schedule", "schedules", "interval", "rrule", "catchup", "default_args", "max_active_runs", "trigger_rule", "pool", "inlets",
    "outlets", "work_pool_name",
    "cache_policy", "persist_result", "task_runner", "retry_delay_seconds", "log_prints", "timeout_seconds", "destination",
    "dataset_name", "write_disposition", "primary_key", "start_date", "end_date", "timezone", "manifest", "select",
)  # fmt: skip
_DATABRICKS = re.compile(r"^dlt\.(table|view|expect\w*|read\w*|create_\w+|apply_changes)$")


def kind_of(qualified: str) -> tuple[str, str] | None:
    """Tool and kind of what a decorator or a call of this dotted name makes: ``("dagster", "asset")``."""
    if _DATABRICKS.match(qualified):  # two packages are called dlt; only one of them has tables
        return ("databricks", "pipeline table") if qualified.endswith((".table", ".view")) else None
    tool = tool_of(qualified)
    if tool is None:
        return None
    owner, _, last = qualified.rpartition(".")
    if owner.startswith("dlt.destinations"):
        return tool, "dlt destination"
    kind = MADE_BY.get(tool, {}).get(last) or _kind_by_owner(tool, owner, last) or _kind_by_ending(tool, last)
    return (tool, kind) if kind else None


def kind_of_base(qualified: str) -> tuple[str, str] | None:
    """Tool and kind of a class that derives from this one."""
    tool = tool_of(qualified)
    kind = _kind_by_ending(tool, qualified.rpartition(".")[2]) if tool else None
    return (tool, kind) if tool and kind else None


def _kind_by_owner(tool: str, owner: str, last: str) -> str | None:
    """``task.branch`` makes a task, ``asset.multi`` an asset, ``AutomationCondition.eager`` a condition."""
    owner_name = owner.rpartition(".")[2]
    if tool == "airflow" and owner_name in TASK_DECORATORS and last not in ("skip_if", "run_if"):
        return MADE_BY[tool][owner_name]
    if tool == "dagster" and owner_name == "AutomationCondition" and last in ("eager", "on_cron", "on_missing"):
        return "automation condition"
    return None


def _kind_by_ending(tool: str, name: str) -> str | None:
    return next((kind for ending, kind in ENDINGS.get(tool, ()) if name.endswith(ending)), None)
