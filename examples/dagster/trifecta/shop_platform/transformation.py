"""dbt: from `raw_shop` to `marts`, for the days of the run; every dbt test is a check."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets
from shop_platform.settings import DAYS, IN_ONE_RUN, POOL, ROOT, WAREHOUSE

project = DbtProject(ROOT / "transform", target_path=os.environ["DBT_TARGET_PATH"], target=WAREHOUSE)
project.prepare_if_dev()
if not project.manifest_path.exists():  # in an image: `dbt parse`, or `dagster-dbt project prepare-and-package`
    project.preparer.prepare(project)


class Owned(DagsterDbtTranslator):
    """Every model has an owner."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """The default one, in group `marts`."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        return spec.replace_attributes(group_name="marts", owners=["team:analytics"])


@dbt_assets(
    manifest=project.manifest_path,
    project=project,
    name="build_marts",
    # Not enable_source_tests_as_checks: a step that checks an upstream asset itself is exempt from that asset's gate.
    dagster_dbt_translator=Owned(),
    partitions_def=DAYS,
    backfill_policy=IN_ONE_RUN,
    pool=POOL,
)
def build_marts(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Models and tests for the days of this run: one, or a range."""
    window = context.partition_time_window
    days = {"min_day": f"{window.start:%Y-%m-%d}", "max_day": f"{window.end:%Y-%m-%d}"}
    yield from dbt.cli(["build", "--vars", json.dumps(days)], context=context).stream()


dbt = DbtCliResource(project)
