from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

PROJECT = Path(__file__).parent / "shop"


@dbt_assets(manifest=PROJECT / "target" / "manifest.json")
def models(context: dg.AssetExecutionContext, dbt: DbtCliResource):  # found
    yield from dbt.cli(["build"], context=context).stream()


defs = dg.Definitions([models], resources={"dbt": DbtCliResource(project_dir=str(PROJECT))})
