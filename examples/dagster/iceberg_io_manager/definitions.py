"""Iceberg tables from daily partitions; the same code writes to a local catalog and to a Polaris (REST) one.

What: orders a day -> revenue a day, both Iceberg tables; a partition of Dagster is a partition of the table.
When: tables that several engines read, with snapshots to go back to. Not for one process with one file: DuckDB.
Run: dg launch --assets "key:orders" --partition 2026-03-01 -f definitions.py
Expect: warehouse/shop/orders with one data file; run again, and a new snapshot holds the same rows.
"""

import os
import warnings
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.PreviewWarning)  # the whole library is marked as preview
    from dagster_iceberg.config import IcebergCatalogConfig
    from dagster_iceberg.io_manager.arrow import PyArrowIcebergIOManager
from pyiceberg.catalog import Catalog, load_catalog

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-04")
BY_DAY = {"partition_expr": "day"}
ORDERS = {"2026-03-01": [900, 900], "2026-03-02": [450], "2026-03-03": []}
ORDER_COLUMNS = pa.schema([("day", pa.date32()), ("cents", pa.int64())])  # named: an empty day has no types of its own
CATALOG, NAMESPACE = "shop", "shop"


def catalog_properties(deployment: str) -> dict[str, str]:
    """What pyiceberg needs to find the catalog; no secret: it stands in PYICEBERG_CATALOG__SHOP__CREDENTIAL."""
    if deployment == "prod":
        url = os.environ["SHOP_CATALOG_URL"]
        login = {"scope": "PRINCIPAL_ROLE:ALL", "oauth2-server-uri": f"{url}/v1/oauth/tokens"}
        return {"type": "rest", "uri": url, "warehouse": "shop", **login}
    folder = Path(os.environ.get("SHOP_WAREHOUSE", "warehouse")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db", "warehouse": folder.as_uri()}


def open_catalog(deployment: str) -> Catalog:
    """The catalog with its namespace, which the IO manager does not make."""
    catalog = load_catalog(CATALOG, **catalog_properties(deployment))
    catalog.create_namespace_if_not_exists(NAMESPACE)
    return catalog


def io_manager(deployment: str) -> PyArrowIcebergIOManager:
    """The same for every deployment but for the catalog's properties."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        config = IcebergCatalogConfig(properties=catalog_properties(deployment))
        return PyArrowIcebergIOManager(name=CATALOG, config=config, namespace=NAMESPACE)


@dg.asset(partitions_def=DAYS, metadata=BY_DAY, kinds={"iceberg"})
def orders(context: dg.AssetExecutionContext) -> pa.Table:
    """Orders of one day, and of no other: rows of another day would be appended at every run."""
    day, cents = date.fromisoformat(context.partition_key), ORDERS[context.partition_key]
    return pa.table({"day": [day] * len(cents), "cents": cents}, schema=ORDER_COLUMNS)


@dg.asset(partitions_def=DAYS, metadata=BY_DAY, kinds={"iceberg"})
def revenue(context: dg.AssetExecutionContext, orders: pa.Table) -> pa.Table:
    """One row a day, from the orders of that day, which is all that is loaded."""
    cents = pc.sum(orders["cents"]).as_py() or 0
    return pa.table({"day": [date.fromisoformat(context.partition_key)], "cents": [cents]}, schema=ORDER_COLUMNS)


DEPLOYMENT = os.environ.get("SHOP_DEPLOYMENT", "local")
if DEPLOYMENT == "local":
    open_catalog(DEPLOYMENT)  # elsewhere the namespace is made once, by whoever administers the catalog
defs = dg.Definitions(assets=[orders, revenue], resources={"io_manager": io_manager(DEPLOYMENT)})
