"""Against a real S3 server on loopback: each day is an object, a re-run replaces its own, and steps read them from there."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import dagster as dg
import pytest
from code_location import load_definitions_file
from dagster_aws.s3 import S3PickleIOManager, S3Resource
from moto.server import ThreadedMotoServer
from run_assets import run_assets, run_job, stored_value

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty bucket, named in the environment as a deployment would."""
    name = f"shop-{tmp_path.name}".replace("_", "-").lower()[:60]
    secrets = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    given = {"SHOP_S3_ENDPOINT": endpoint, "SHOP_BUCKET": name, "SHOP_DEPLOYMENT": "prod", **secrets}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    found = boto3.resource("s3", endpoint_url=endpoint).Bucket(name)
    found.create()
    return found


@pytest.fixture
def prod(bucket: Any) -> ModuleType:
    """The definitions, as the deployment with the bucket loads them."""
    return load_definitions_file(Path(__file__).with_name("definitions.py"))


def keys(bucket: Any) -> list[str]:
    """The names of all objects."""
    return sorted(one.key for one in bucket.objects.all())


def test_each_day_is_an_object_and_a_rerun_replaces_it(prod: ModuleType, instance, bucket) -> None:
    """Two days twice: four objects, and nothing on this disk."""
    for day in ("2026-03-01", "2026-03-02") * 2:
        assert run_assets(prod.defs, instance, partition=day).status == "SUCCESS"
    assert keys(bucket) == [f"shop/{asset}/2026-03-0{day}" for asset in ("orders", "revenue") for day in (1, 2)]
    assert stored_value(prod.defs, "revenue", instance, partition="2026-03-02") == 1352
    assert not Path("stored").exists()


def test_a_step_alone_reads_what_another_run_stored(prod: ModuleType, instance, bucket) -> None:
    """As on another machine: revenue in a run of its own; a day that was never stored is named with its bucket."""
    run_assets(prod.defs, instance, "orders", partition="2026-03-01")
    assert run_assets(prod.defs, instance, "revenue", partition="2026-03-01").status == "SUCCESS"
    missing = run_assets(prod.defs, instance, "revenue", partition="2026-03-03")
    assert "Could not find file shop/orders/2026-03-03 in S3 bucket" in missing.errors["revenue"]


def test_the_laptop_needs_no_bucket(example: ModuleType, instance, monkeypatch) -> None:
    """Without variables the same assets store files; nothing of AWS is asked."""
    monkeypatch.delenv("SHOP_DEPLOYMENT", raising=False)
    assert run_assets(example.defs, instance, partition="2026-03-01").status == "SUCCESS"
    assert sorted(path.name for path in Path("stored").iterdir()) == ["orders", "revenue"]


def test_a_bucket_that_is_not_there_fails_before_the_step(prod: ModuleType, instance, bucket) -> None:
    """The IO manager lists the bucket when it is made: the role needs s3:ListBucket, not only objects."""
    bucket.delete()
    run = run_assets(prod.defs, instance, "orders", partition="2026-03-01")
    assert (run.status, "NoSuchBucket" in str(run.errors)) == ("FAILURE", True)


def test_two_deployments_with_one_prefix_overwrite_each_other(prod: ModuleType, instance, bucket, endpoint: str) -> None:
    """Silent: an asset's object has no run and no deployment in its name; another s3_prefix keeps them apart."""
    seen = []
    for prefix in ("shop", "branch_17"):
        other = S3PickleIOManager(s3_resource=S3Resource(endpoint_url=endpoint), s3_bucket=bucket.name, s3_prefix=prefix)
        run_assets(prod.defs, instance, partition="2026-03-01")
        empty = dg.asset(lambda: [0], name="orders", partitions_def=prod.DAYS)
        run_assets([empty], instance, partition="2026-03-01", resources={"io_manager": other})
        seen.append(stored_value(prod.defs, "orders", instance, partition="2026-03-01"))
    assert seen == [[0], [450, 900, 1]]


def test_values_of_ops_pile_up_by_run(prod: ModuleType, instance, bucket) -> None:
    """Silent: each run of a job of ops leaves objects of its own; only a lifecycle rule of the bucket removes them."""

    @dg.op
    def count() -> int:
        return 3

    @dg.job
    def counting() -> None:
        count()

    defs = dg.Definitions(jobs=[counting], resources=prod.defs.resources)
    runs = [run_job(defs, "counting", instance) for _ in range(2)]
    assert keys(bucket) == sorted(f"shop/storage/{run.run_id}/count/result" for run in runs)
