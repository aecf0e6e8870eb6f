"""Every object that lands in a bucket gets one run, also when its key sorts first or its upload took hours.

What: a sensor lists the whole prefix, page by page; run key: key and ETag; cursor: what was seen within the last day.
When: up to some ten thousand objects under a prefix. Not for more: let S3 send its events to a queue, and read that.
Run: SHOP_BUCKET=shop-orders dg dev -f definitions.py
Expect: one run for each `orders/*.csv`, 50 a tick; without SHOP_BUCKET the sensor says that it is not set.
"""

import json
import os
from datetime import UTC, datetime, timedelta

import boto3
import dagster as dg
import duckdb

PREFIX = "orders/"
OBJECTS_PER_TICK = 50
LATENESS = timedelta(days=1)  # a multipart upload is dated by its beginning; longer ones are lost


class Bucket(dg.ConfigurableResource):
    """A bucket. `S3Resource` would look for credentials when any run begins; this one when it is used."""

    name: str
    endpoint_url: str | None = None

    def client(self):
        """An S3 client with the credentials of the environment."""
        return boto3.client("s3", endpoint_url=self.endpoint_url)


class LandedObject(dg.Config):
    """The object that one run loads; without a key there is nothing to load."""

    key: str = ""


@dg.asset(kinds={"s3", "duckdb"})
def received_orders(config: LandedObject, bucket: Bucket) -> dg.MaterializeResult:
    """Orders of all landed objects; loading an object again replaces its rows."""
    lines: list[str] = []
    if config.key:
        body = bucket.client().get_object(Bucket=bucket.name, Key=config.key)["Body"]
        lines = body.read().decode().splitlines()
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS received_orders (object TEXT, line TEXT)")
        database.begin()
        database.execute("DELETE FROM received_orders WHERE object = ?", [config.key])
        database.execute("INSERT INTO received_orders SELECT ?, unnest(?::TEXT[])", [config.key, lines])
        database.commit()
    return dg.MaterializeResult(metadata={"object": config.key, "dagster/row_count": len(lines)})


bucket = Bucket(name=os.environ.get("SHOP_BUCKET", ""), endpoint_url=os.environ.get("SHOP_S3_ENDPOINT"))
load_object = dg.define_asset_job("load_object", selection=[received_orders])


@dg.sensor(job=load_object, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def bucket_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One run request per object and version that no earlier tick has seen, oldest first."""
    if not bucket.name:
        return dg.SkipReason("SHOP_BUCKET is not set")
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    newest = max(map(datetime.fromisoformat, seen.values()), default=datetime(2000, 1, 1, tzinfo=UTC))
    since = newest - LATENESS
    pages = bucket.client().get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=PREFIX)
    landed = [found for page in pages for found in page.get("Contents", []) if found["LastModified"] >= since]
    dated = {f"{found['Key']}@{found['ETag']}": found for found in sorted(landed, key=lambda found: found["LastModified"])}
    new = [name for name in dated if name not in seen][:OBJECTS_PER_TICK]
    requests = [
        dg.RunRequest(run_key=name, run_config=dg.RunConfig({"received_orders": LandedObject(key=dated[name]["Key"])}))
        for name in new
    ]
    kept = {name: date for name, date in seen.items() if datetime.fromisoformat(date) >= since}
    kept |= {name: dated[name]["LastModified"].isoformat() for name in new}
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(kept))


defs = dg.Definitions(assets=[received_orders], jobs=[load_object], sensors=[bucket_sensor], resources={"bucket": bucket})
