"""Values go to S3 where steps run on several machines, to a folder on a laptop; the assets do not know which.

What: one switch that chooses the IO manager; S3PickleIOManager with its bucket, prefix and credentials from the environment.
When: run workers or steps share no disk (Kubernetes, ECS, Docker). Tables that others read: write them as tables, not as pickles.
Run: dg launch --assets "*" --partition 2026-03-01 -f definitions.py
Expect: stored/orders/2026-03-01; with SHOP_DEPLOYMENT=prod and SHOP_BUCKET the object shop/orders/2026-03-01 of that bucket.
"""

import os

import dagster as dg
from dagster_aws.s3 import S3PickleIOManager, S3Resource

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-04")


def values_for(deployment: str) -> dg.ConfigurableIOManager | dg.ConfigurableIOManagerFactory:
    """The IO manager of a deployment. boto3 takes credentials from the environment, or from the machine's role."""
    if deployment == "local":
        return dg.FilesystemIOManager(base_dir="stored")
    if deployment == "prod":
        store = S3Resource(endpoint_url=os.environ.get("SHOP_S3_ENDPOINT"), max_attempts=10)
        return S3PickleIOManager(s3_resource=store, s3_bucket=dg.EnvVar("SHOP_BUCKET"), s3_prefix="shop")
    raise ValueError(f"SHOP_DEPLOYMENT={deployment!r}: use local or prod")


@dg.asset(partitions_def=DAYS)
def orders(context: dg.AssetExecutionContext) -> list[int]:
    """The day's orders in cents."""
    return [450, 900, int(context.partition_key[-2:])]


@dg.asset(partitions_def=DAYS)
def revenue(orders: list[int]) -> int:
    """The day's sum."""
    return sum(orders)


defs = dg.Definitions(assets=[orders, revenue], resources={"io_manager": values_for(os.environ.get("SHOP_DEPLOYMENT", "local"))})
