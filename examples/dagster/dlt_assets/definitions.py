"""A REST API into DuckDB by dlt: only what changed since the last run, bad rows counted, new columns noticed.

What: raw_shop/orders (merge, cursor `updated_at`, contract on types) and raw_shop/customers (replace); two checks.
When: APIs, databases and files that must become tables. Not for a file that DuckDB reads in one statement.
Run: dg launch --assets "*" -f definitions.py
Expect: shop_data.duckdb with 3 orders; a second run asks only for what is newer, and leaves 3. SHOP_API: a real API.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from dagster_dlt.translator import DltResourceTranslatorData
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
DATABASE = os.environ.get("SHOP_DATABASE", "shop_data.duckdb")
WORKING_DIR = os.environ.get("SHOP_DLT_DIR", "dlt_pipelines")  # else ~/.dlt/pipelines, shared by every test and branch
FIRST = "2026-01-01T00:00:00Z"
TYPES = {"order_id": "bigint", "customer_id": "bigint", "quantity": "bigint", "price": "decimal", "updated_at": "timestamp"}


def pages(name: str, **parameters: str) -> Iterator[list[dict[str, Any]]]:
    """Pages of rows from the API, or the one page that lies beside this file."""
    if "SHOP_API" not in os.environ:
        yield json.loads((Path(__file__).parent / "api" / f"{name}.json").read_text())["data"]
        return
    client = RESTClient(os.environ["SHOP_API"], paginator=JSONLinkPaginator("next"), data_selector="data")
    yield from client.paginate(name, params=parameters)


@dlt.source(name="shop")
def shop_source() -> Any:
    """The API's two collections. A new source for each run: Dagster changes the schema of one that it has run."""
    contract = {"tables": "evolve", "columns": "evolve", "data_type": "discard_row"}
    types = {name: {"data_type": kind} for name, kind in TYPES.items()}

    @dlt.resource(primary_key="order_id", write_disposition="merge", columns=types, schema_contract=contract)
    def orders(updated: Any = dlt.sources.incremental("updated_at", initial_value=FIRST)) -> Any:  # noqa: B008
        """One row an order, as it was last changed."""
        yield from pages("orders", updated_since=str(updated.last_value))

    @dlt.resource(primary_key="customer_id", write_disposition="replace", max_table_nesting=0)
    def customers() -> Any:
        """All customers; lists stay JSON instead of becoming child tables that no asset stands for."""
        yield from pages("customers")

    return orders, customers


pipeline = dlt.pipeline("shop", pipelines_dir=WORKING_DIR, destination=dlt.destinations.duckdb(DATABASE), dataset_name="raw_shop")


class TableKeys(DagsterDltTranslator):
    """Keys that a dbt source has as well: dataset, then table. The default is `dlt_shop_orders`."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """The default one, without the upstream stub that nothing ever materializes."""
        spec = super().get_asset_spec(data)
        return spec.replace_attributes(key=dg.AssetKey([data.pipeline.dataset_name, data.resource.name]), deps=[])


@dlt_assets(
    dlt_source=shop_source(),
    dlt_pipeline=pipeline,
    name="shop_api",
    group_name="ingestion",
    dagster_dlt_translator=TableKeys(),
    pool="duckdb",
)
def shop_api(context: dg.AssetExecutionContext, dlt_resource: DagsterDltResource) -> Iterator[dg.MaterializeResult]:
    """Load what is new; each table's metadata says how many rows came and how many the contract dropped."""
    for result in dlt_resource.run(context=context, dlt_source=shop_source()):
        extracted, kept = row_counts(result.asset_key.path[-1])
        counts = {"rows_extracted": extracted, "rows_discarded": extracted - kept}
        yield result._replace(metadata={**result.metadata, **counts})


def row_counts(table: str) -> tuple[int, int]:
    """Rows of the last run that the source gave, and those that passed the contract."""
    trace = pipeline.last_trace
    loads = [load for loads in trace.last_extract_info.metrics.values() for load in loads]
    extracted = sum(load["table_metrics"][table].items_count for load in loads if table in load["table_metrics"])
    return extracted, trace.last_normalize_info.row_counts.get(table, 0)


@dg.asset_check(asset=dg.AssetKey(["raw_shop", "orders"]))
def no_row_was_discarded(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """A dropped row is not asked for again: the cursor has passed it. The API must send it once more."""
    latest = context.instance.get_latest_materialization_event(dg.AssetKey(["raw_shop", "orders"]))
    discarded = latest.asset_materialization.metadata["rows_discarded"].value
    return dg.AssetCheckResult(passed=discarded == 0, metadata={"rows": discarded})


schema_changes = dg.build_column_schema_change_checks(assets=[dg.AssetKey(["raw_shop", "orders"])])
defs = dg.Definitions(
    assets=[shop_api],
    asset_checks=[no_row_was_discarded, *schema_changes],
    resources={"dlt_resource": DagsterDltResource()},
)
