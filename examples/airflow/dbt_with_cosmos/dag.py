"""The dbt project as a DAG: every seed and model a task, and its dbt tests a task that whatever reads it waits for.

What: dbt_shop through Cosmos, drawn from dbt's manifest; tests of the source too; one dbt at a time (DuckDB: one writer).
When: retries, logs and gates per model. Not where dbt's start costs more than the models: one task with `dbt build`.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test shop_models
Expect: 13 green tasks, and shop_data.duckdb with three days in main_marts.daily_revenue.
"""

from __future__ import annotations

import os
from pathlib import Path

import pendulum

os.environ.setdefault("AIRFLOW__COSMOS__ENABLE_TELEMETRY", "False")  # read while Cosmos is imported
from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, SourceRenderingBehavior, TestBehavior

PROJECT = (Path(__file__).parent / "dbt_shop").resolve()
TARGET = Path(os.environ.get("DBT_TARGET_PATH", "dbt_target")).absolute()
# dbt runs in a copy of the project: a relative path to the database would end there.
ENVIRONMENT = {"SHOP_DATABASE": str(Path(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")).absolute())}


def find_manifest() -> Path:
    """The manifest as the image's build left it; where none is, made once, which costs the first parse some seconds."""
    manifest = TARGET / "manifest.json"
    if not manifest.exists():
        from dbt.cli.main import dbtRunner

        places = {"project-dir": PROJECT, "profiles-dir": PROJECT, "target-path": TARGET, "log-path": TARGET}
        told = dbtRunner().invoke(["--quiet", "parse", *(f"--{name}={path}" for name, path in places.items())])
        if not told.success:
            raise RuntimeError(f"dbt parse of {PROJECT} failed: {told.exception}")
    return manifest


SHARED = {
    "project_config": ProjectConfig(PROJECT, manifest_path=find_manifest(), env_vars=ENVIRONMENT, install_dbt_deps=False),
    "profile_config": ProfileConfig("dbt_shop", "dev", profiles_yml_filepath=PROJECT / "profiles.yml"),
    "execution_config": ExecutionConfig(execution_mode=ExecutionMode.LOCAL, invocation_mode=InvocationMode.DBT_RUNNER),
}

shop_models = DbtDag(
    dag_id="shop_models",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1),
    max_active_tasks=1,  # of one run
    max_active_runs=1,
    tags=["shop", "dbt"],
    render_config=RenderConfig(
        load_method=LoadMode.DBT_MANIFEST,
        test_behavior=TestBehavior.AFTER_EACH,
        source_rendering_behavior=SourceRenderingBehavior.WITH_TESTS_OR_FRESHNESS,
        should_detach_multiple_parents_tests=True,
    ),
    **SHARED,
)
