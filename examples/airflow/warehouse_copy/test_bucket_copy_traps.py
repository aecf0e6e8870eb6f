"""Copies within S3 that copy nothing, and a Snowflake connection that names no account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from airflow.providers.amazon.aws.operators.s3 import S3CopyObjectOperator, S3CopyPrefixOperator
from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook
from airflow.sdk import DAG
from moto import mock_aws
from run_dag import run_dag

TRAPS = Path(__file__)


def one(task_id: str, source: str, target: str, **buckets: str) -> S3CopyObjectOperator:
    """Copy one object."""
    return S3CopyObjectOperator(task_id=task_id, source_bucket_key=source, dest_bucket_key=target, **buckets)


def many(task_id: str, source: str, target: str) -> S3CopyPrefixOperator:
    """Copy what begins with a prefix."""
    return S3CopyPrefixOperator(task_id=task_id, source_bucket_prefix=source, dest_bucket_prefix=target)


with DAG("bucket_copy"):
    one("key_alone", "raw/bern.csv", "key_alone/bern.csv")
    one("one_bucket", "raw/bern.csv", "one_bucket/bern.csv", source_bucket_name="shop")
    one("folder", "s3://shop/raw/", "s3://shop/folder/")
    one("right", "raw/bern.csv", "right/bern.csv", source_bucket_name="shop", dest_bucket_name="shop")
    many("misspelt", "s3://shop/row/", "s3://shop/misspelt/")
    many("right_prefix", "s3://shop/raw/", "s3://shop/right_prefix/")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, metadata_database: Path) -> Iterator[object]:
    """A bucket with two files."""
    keys = {"conn_type": "aws", "login": "AKIASHOPSHOP", "password": "key-of-the-shop", "extra": {"region_name": "us-east-1"}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(keys))
    with mock_aws():
        s3 = boto3.resource("s3", region_name="us-east-1").create_bucket(Bucket="shop")
        for shop in ("bern", "oslo"):
            s3.put_object(Key=f"raw/{shop}.csv", Body=b"1")
        yield s3


def test_trap_a_prefix_that_nothing_has_is_a_green_copy_of_nothing(bucket: object) -> None:
    """A key without its bucket fails, on either side, and so does a folder: the operator takes one object."""
    run = run_dag(TRAPS, dag_id="bucket_copy")
    assert {task: error.split(":")[0] for task, error in run.observed.errors.items()} == {
        "key_alone": "S3HookUriParseFailure",
        "one_bucket": "S3HookUriParseFailure",
        "folder": "NoSuchKey",
    }
    assert run.task_states["misspelt"] == "success"
    copied = [each.key for each in bucket.objects.all() if not each.key.startswith("raw/")]
    assert copied == ["right/bern.csv", "right_prefix/bern.csv", "right_prefix/oslo.csv"]


@pytest.mark.parametrize(("place", "accepted"), [({"host": "acme"}, False), ({"extra": {"account": "acme"}}, True)])
def test_trap_the_host_of_a_snowflake_connection_is_not_its_account(
    monkeypatch: pytest.MonkeyPatch, place: dict[str, object], accepted: bool
) -> None:
    """The account stands in the extra; the host is not looked at."""
    document = {"conn_type": "snowflake", "login": "shop", "password": "pass-of-the-shop"} | place
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_WAREHOUSE", json.dumps(document))
    hook = SnowflakeHook("shop_warehouse")
    if accepted:
        assert hook.account_identifier == "https://acme"
        return
    with pytest.raises(ValueError, match="Invalid Snowflake account ''"):
        _ = hook.account_identifier
