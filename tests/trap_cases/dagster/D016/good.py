from pathlib import Path

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets

PROJECT = Path(__file__).parent / "shop"
CHECKS = DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True)


@dbt_assets(manifest=PROJECT / "target" / "manifest.json", dagster_dbt_translator=DagsterDbtTranslator(settings=CHECKS))
def models(context: dg.AssetExecutionContext, dbt: DbtCliResource):
    yield from dbt.cli(["build"], context=context).stream()


defs = dg.Definitions([models], resources={"dbt": DbtCliResource(project_dir=str(PROJECT))})
