"""A dbt project as Dagster assets: every model an asset, every dbt test a check, the incremental model by day.

What: the seed and models of dbt_shop; dbt tests, those of the source too, as checks; daily_revenue a partition a day.
When: SQL that dbt owns. Not for one query without tests: an asset that runs it is less to operate.
Run: dg launch --assets "*" --partition 2026-01-02 -f definitions.py
Expect: shop_data.duckdb with one row in main_marts.daily_revenue; a second run leaves the same row.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    build_dbt_asset_selection,
    dbt_assets,
)

# dbt runs inside its project folder, so a relative path would end there; and it is looked up on PATH, activated or not.
for variable, default in {"SHOP_DATABASE": "shop_data.duckdb", "DBT_TARGET_PATH": "dbt_target"}.items():
    os.environ[variable] = str(Path(os.environ.get(variable, default)).absolute())
if str(Path(sys.executable).parent) not in os.environ["PATH"].split(os.pathsep):
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

DAYS = dg.DailyPartitionsDefinition("2026-01-01")
project = DbtProject((Path(__file__).parent / "dbt_shop").resolve(), target_path=os.environ["DBT_TARGET_PATH"])
project.prepare_if_dev()  # `dg dev`: the manifest follows every edit
if not project.manifest_path.exists():  # elsewhere: as built into the image, or once
    project.preparer.prepare(project)


class ShopTranslator(DagsterDbtTranslator):
    """Groups by the folder of the model, an owner for all."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """The default one, with group and owner."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        return spec.replace_attributes(group_name=spec.key.path[0], owners=["team:shop-data"])


translator = ShopTranslator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
SHARED = {"manifest": project.manifest_path, "project": project, "dagster_dbt_translator": translator, "pool": "duckdb"}


@dbt_assets(name="whole_tables", exclude="tag:daily", **SHARED)
def whole_tables(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """What every run makes anew."""
    yield from dbt.cli(["build"], context=context).stream()


@dbt_assets(name="tables_by_day", select="tag:daily", partitions_def=DAYS, **SHARED)
def tables_by_day(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """The days of this run, and no others: one day, or a range in one run."""
    window = context.partition_time_window
    days = {"min_day": f"{window.start:%Y-%m-%d}", "max_day": f"{window.end:%Y-%m-%d}"}
    yield from dbt.cli(["build", "--vars", json.dumps(days)], context=context).stream()


staging = build_dbt_asset_selection([whole_tables], dbt_select="tag:staging")
defs = dg.Definitions(
    assets=[whole_tables, tables_by_day],
    jobs=[dg.define_asset_job("refresh_staging", selection=staging)],
    schedules=[dg.build_schedule_from_partitioned_job(dg.define_asset_job("revenue_of_day", selection=[tables_by_day]))],
    resources={"dbt": DbtCliResource(project)},
)
