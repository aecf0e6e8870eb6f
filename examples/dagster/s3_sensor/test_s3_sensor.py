"""Against a real S3 server on loopback: every object has exactly one run, whatever its key, its date and its page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import duckdb
import pytest
from code_location import load_definitions_file
from daemon_turns import Daemon, running_daemon
from dagster_aws.s3 import S3Resource
from dagster_aws.s3.sensor import get_objects
from moto.backends import get_backend
from moto.server import ThreadedMotoServer
from run_assets import run_assets

pytestmark = pytest.mark.slow
START, INTERVAL = datetime(2026, 3, 1, tzinfo=UTC), timedelta(minutes=1)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server that hands out three objects a page, where AWS hands out a thousand."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        yield "http://{}:{}".format(*server.get_host_and_port())
        server.stop()


@dataclass
class Bucket:
    """The bucket that the sensor watches, and the daemon that evaluates it."""

    name: str
    client: Any
    daemon: Daemon
    example: ModuleType

    def put(self, *keys: str, body: str = "order") -> None:
        for key in keys:
            self.client.put_object(Bucket=self.name, Key=f"orders/{key}", Body=body.encode())

    def tick(self, *keys: str) -> list[str]:
        """Let objects land, evaluate the sensor once; the objects that got a run, and all runs succeeded."""
        self.put(*keys)
        [tick] = self.daemon.turn(self.daemon.now + INTERVAL)
        assert (tick.error, {run.status for run in tick.runs} - {"SUCCESS"}) == (None, set())
        return [run.metadata["received_orders"]["object"].removeprefix("orders/") for run in tick.runs]


@pytest.fixture
def bucket(
    endpoint: str, stored_instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    name = f"shop-{tmp_path.name}".replace("_", "-").lower()
    secrets = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}
    for variable, value in {"SHOP_S3_ENDPOINT": endpoint, "SHOP_BUCKET": name, **secrets}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    example = load_definitions_file(Path(__file__).with_name("definitions.py"))
    client = example.bucket.client()
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    with running_daemon(example.defs, stored_instance, START) as daemon:
        yield Bucket(name, client, daemon, example)


def test_every_object_has_one_run_and_a_late_key_is_not_lost(bucket: Bucket) -> None:
    """`a` lands after `m`, in the same second; a tick without news starts nothing; what the runs loaded is in the table."""
    runs = [bucket.tick("m.csv", "n.csv"), bucket.tick("a.csv"), bucket.tick()]
    assert [sorted(each) for each in runs] == [["m.csv", "n.csv"], ["a.csv"], []]
    with duckdb.connect("shop_data.duckdb") as database:
        assert database.sql("SELECT object FROM received_orders ORDER BY 1").fetchall() == [
            (f"orders/{name}.csv",) for name in ("a", "m", "n")
        ]


def test_an_upload_that_took_hours_is_not_lost(bucket: Bucket) -> None:
    """An object dated five hours before what was seen gets its run; one dated a week before is past the lateness allowed."""
    bucket.tick("quick.csv")
    bucket.put("slow.csv", "ancient.csv", body="long order")
    stored = get_backend("s3")["123456789012"]["aws"].buckets[bucket.name].keys
    for key, hours in {"slow.csv": 5, "ancient.csv": 7 * 24}.items():
        stored[f"orders/{key}"].last_modified -= timedelta(hours=hours)  # S3 dates a multipart upload by its beginning
    assert [bucket.tick(), bucket.tick()] == [["slow.csv"], []]


def test_objects_beyond_the_first_page_are_seen(bucket: Bucket) -> None:
    """Five objects on two pages, two a tick: three ticks, each object once; one request alone sees three of them."""
    bucket.example.OBJECTS_PER_TICK = 2
    runs = [bucket.tick("1.csv", "2.csv", "3.csv", "4.csv", "5.csv"), bucket.tick(), bucket.tick(), bucket.tick()]
    assert [len(each) for each in runs] == [2, 2, 1, 0]
    assert sorted(key for each in runs for key in each) == [f"{n}.csv" for n in range(1, 6)]
    assert len(bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]) == 3


def test_a_new_version_runs_and_the_same_bytes_do_not(bucket: Bucket) -> None:
    """The ETag is part of the run key: an overwritten object runs again, one that was copied onto itself does not."""
    runs = [bucket.tick("a.csv"), bucket.tick("a.csv")]
    bucket.put("a.csv", body="other order")
    assert [*runs, bucket.tick()] == [["a.csv"], [], ["a.csv"]]


def test_a_lost_cursor_repeats_nothing(bucket: Bucket) -> None:
    """After a reset of the cursor the run keys stand guard."""
    bucket.tick("a.csv", "b.csv")
    bucket.daemon.set_cursor("bucket_sensor", None)
    assert bucket.tick("c.csv") == ["c.csv"]


def test_a_date_or_a_key_as_cursor_loses_objects(bucket: Bucket) -> None:
    """dagster_aws's filter drops objects of the second it stopped in, or breaks when its key is gone; StartAfter drops `a`."""
    bucket.put("m.csv")
    [first] = get_objects(bucket.name, client=bucket.client)
    bucket.put("a.csv")
    later = bucket.client.list_objects_v2(Bucket=bucket.name, StartAfter=first["Key"])
    assert later.get("Contents", []) == []
    same_second = max(found["LastModified"] for found in get_objects(bucket.name, client=bucket.client))
    assert get_objects(bucket.name, since_last_modified=same_second, client=bucket.client) == []
    bucket.client.delete_object(Bucket=bucket.name, Key=first["Key"])
    with pytest.raises(Exception, match="`since_key` is not present"):
        get_objects(bucket.name, since_key=first["Key"], client=bucket.client)


def test_s3resource_makes_its_client_when_a_run_begins(instance: dg.DagsterInstance) -> None:
    """The asset never asks for the client, and its run fails for want of a profile."""

    @dg.asset
    def unused(s3: S3Resource) -> None: ...

    run = run_assets([unused], instance, resources={"s3": S3Resource(profile_name="absent")})
    assert (run.steps, "ProfileNotFound" in str(run.errors)) == ({"unused": "not started"}, True)
