"""dlt: the shop's API into `raw_shop`, a day at a time; loading a day again replaces it."""

import json
import os
from collections.abc import Iterator
from typing import Any

import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from dagster_dlt.translator import DltResourceTranslatorData
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.sources.helpers.rest_client import RESTClient
from shop_platform.settings import DAYS, DLT_FOLDER, IN_ONE_RUN, POOL, ROOT, WAREHOUSE

ORDERS = dg.AssetKey(["raw_shop", "orders"])
COUNT = "SELECT count(*) FROM raw_shop.orders WHERE day >= CAST(%s AS DATE) AND day < CAST(%s AS DATE)"
pipeline = dlt.pipeline("shop_platform", pipelines_dir=str(DLT_FOLDER), destination=WAREHOUSE, dataset_name="raw_shop")


def fetch_orders(first: str, end: str) -> Iterator[dict[str, Any]]:
    """Orders of the days from `first` to before `end`, from SHOP_API or from the file of the example."""
    if "SHOP_API" in os.environ:
        for page in RESTClient(os.environ["SHOP_API"]).paginate("orders", params={"from": first, "to": end}):
            yield from page
        return
    rows = json.loads((ROOT / "api" / "orders.json").read_text())
    yield from (row for row in rows if first <= row["ordered_at"][:10] < end)


@dlt.source(name="shop")
def shop_source(first: str, end: str) -> Any:
    """The API's collections, bound to a window of days."""

    @dlt.resource(
        write_disposition={"disposition": "merge", "strategy": "delete-insert"},
        primary_key="order_id",
        merge_key="day",  # a reloaded day loses the orders that the API no longer has
        columns={"day": {"data_type": "date"}, "amount": {"data_type": "decimal"}},
        schema_contract={"data_type": "freeze"},  # a word for a number fails the load, and with it the run
    )
    def orders() -> Iterator[dict[str, Any]]:
        """One row an order, as the API gives it."""
        for row in fetch_orders(first, end):
            yield {**row, "day": row["ordered_at"][:10]}

    return orders


class SourceKeys(DagsterDltTranslator):
    """Dataset, then table: the key that dagster-dbt gives to the source of that name. This connects the two graphs."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """The default one, without the stub upstream that nothing materializes."""
        spec = super().get_asset_spec(data)
        key = dg.AssetKey([data.pipeline.dataset_name, data.resource.name])
        return spec.replace_attributes(key=key, deps=[], owners=["team:shop-data"])


@dlt_assets(
    dlt_source=shop_source("", ""),
    dlt_pipeline=pipeline,
    name="load_shop",
    group_name="raw_shop",
    dagster_dlt_translator=SourceKeys(),
    partitions_def=DAYS,
    backfill_policy=IN_ONE_RUN,
    pool=POOL,
)
def load_shop(context: dg.AssetExecutionContext, dlt_resource: DagsterDltResource) -> Iterator[Any]:
    """The days of this run: one, or a range."""
    window = context.partition_time_window
    days = shop_source(f"{window.start:%Y-%m-%d}", f"{window.end:%Y-%m-%d}")
    yield from dlt_resource.run(context=context, dlt_source=days)


@dg.asset_check(asset=ORDERS, blocking=True, partitions_def=DAYS, pool=POOL)
def orders_arrived(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Days without an order stop the models: the API answers 200 with an empty list when its own import failed."""
    window = context.op_execution_context.partition_time_window
    days = (f"{window.start:%Y-%m-%d}", f"{window.end:%Y-%m-%d}")
    with pipeline.sql_client() as warehouse:
        try:
            rows = warehouse.execute_sql(COUNT, *days)[0][0]
        except DatabaseUndefinedRelation:  # a first load without rows makes no table
            rows = 0
    return dg.AssetCheckResult(passed=rows > 0, metadata={"rows": rows})
