import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, dlt_assets


@dlt.source
def shop():
    return dlt.resource([{"id": 1}, {"id": 2}], name="orders")


pipeline = dlt.pipeline("shop", destination=dlt.destinations.duckdb("shop.duckdb"), dataset_name="raw")


@dlt_assets(dlt_source=shop(), dlt_pipeline=pipeline, name="load")
def load(context: dg.AssetExecutionContext, loader: DagsterDltResource):  # found
    yield from loader.run(context=context, dlt_source=shop())


defs = dg.Definitions([load], resources={"loader": DagsterDltResource()})
