import dagster as dg
import dlt
import duckdb
from dagster_dbt import dbt_assets
from dagster_dlt import DagsterDltResource, dlt_assets

ROWS = [{"id": 1}]


def entry(kind, name, **own):
    shape = {"resource_type": kind, "name": name, "database": "shop", "fqn": ["shop", name], "tags": [], "meta": {}}
    shape["config"] = {"enabled": True, "materialized": "table"}
    texts = {"description": "", "package_name": "shop", "original_file_path": f"{name}.sql", "columns": {}, "raw_code": ""}
    return {**shape, **texts, **own}


MODEL, TABLE = "model.shop.daily", "source.shop.raw.orders"
MANIFEST = {
    "metadata": {"project_name": "shop", "adapter_type": "duckdb"},
    "nodes": {MODEL: entry("model", "daily", unique_id=MODEL, alias="daily", schema="main", depends_on={"nodes": [TABLE]})},
    "sources": {TABLE: entry("source", "orders", unique_id=TABLE, source_name="raw", identifier="orders", schema="raw")},
    "parent_map": {MODEL: [TABLE], TABLE: []},
    "child_map": {TABLE: [MODEL], MODEL: []},
    **{
        name: {}
        for name in (
            "metrics",
            "semantic_models",
            "unit_tests",
            "saved_queries",
            "selectors",
            "groups",
            "exposures",
            "macros",
            "docs",
            "disabled",
        )
    },
}


@dlt.source
def shop():
    return dlt.resource(lambda: list(ROWS), name="orders", write_disposition="replace")


pipeline = dlt.pipeline("shop", destination=dlt.destinations.duckdb("shop.duckdb"), dataset_name="raw")


@dlt_assets(dlt_source=shop(), dlt_pipeline=pipeline, name="load")
def load(context: dg.AssetExecutionContext, loader: DagsterDltResource):
    yield from loader.run(context=context, dlt_source=shop())


@dbt_assets(manifest=MANIFEST, name="build")
def build(context: dg.AssetExecutionContext):  # found
    with duckdb.connect("shop.duckdb") as warehouse:
        [[rows]] = warehouse.sql("SELECT count(*) FROM raw.orders").fetchall()
    yield dg.MaterializeResult(asset_key="daily", metadata={"rows": rows})


defs = dg.Definitions([load, build], resources={"loader": DagsterDltResource()})
