"""A load that happened elsewhere is recorded without a run and followed once; what is not recorded is not followed."""

import importlib.util
import json
import os
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from automation_over_time import running_automation
from daemon_turns import running_daemon
from webserver import running_webserver

START, MINUTE = datetime(2026, 3, 10, tzinfo=UTC), timedelta(minutes=1)
ORDERS = dg.AssetKey(["warehouse", "orders"])


@pytest.fixture
def report_load():
    """The function of the file that the other system has."""
    spec = importlib.util.spec_from_file_location("report_load", Path(__file__).with_name("report_load.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.report_load


def loads(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[tuple[str | None, dict]]:
    """Partition and metadata of each recorded materialization, oldest first."""
    records = instance.fetch_materializations(key, limit=100, ascending=True).records
    facts = [one.asset_materialization for one in records]
    return [(one.partition, {name: value.value for name, value in one.metadata.items()}) for one in facts]


def test_a_load_is_reported_over_http(example: ModuleType, stored_instance, report_load) -> None:
    """One materialization with its day and rows, and no run."""
    with running_webserver(example.defs, stored_instance) as server:
        report_load(server.url, "warehouse/orders", "2026-03-01", rows=2)
    assert loads(stored_instance, ORDERS) == [("2026-03-01", {"dagster/partition_row_count": 2})]
    assert stored_instance.get_runs_count() == 0


@pytest.mark.parametrize(
    ("asset", "partition", "says"),
    [
        ("warehouse/ordres", None, "no asset warehouse/ordres"),
        ("warehouse/orders", "2026-3-1", "has no partition '2026-3-1'"),
        ("warehouse/orders", None, "has no partition None"),
    ],
)
def test_what_does_not_exist_is_refused(example: ModuleType, stored_instance, report_load, asset, partition, says) -> None:
    """A misspelt key, another form of the date, a day left out: nothing is recorded."""
    with running_webserver(example.defs, stored_instance) as server, pytest.raises(LookupError, match=says):
        report_load(server.url, asset, partition)
    assert loads(stored_instance, dg.AssetKey(asset.split("/"))) == []


@pytest.mark.parametrize(("asset", "partition"), [("warehouse/ordres", "2026-03-01"), ("warehouse/orders", "2026-3-1")])
def test_the_endpoint_itself_takes_everything(example: ModuleType, stored_instance, asset: str, partition: str) -> None:
    """Silent: status 200 for a key that nobody defines and for a day that does not exist; nothing follows them."""
    body, headers = json.dumps({"partition": partition}).encode(), {"Content-Type": "application/json"}
    with running_webserver(example.defs, stored_instance) as server:
        request = urllib.request.Request(f"{server.url}/report_asset_materialization/{asset}", body, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            status = response.status
    assert (status, loads(stored_instance, dg.AssetKey(asset.split("/")))) == (200, [(partition, {})])


def test_each_reported_day_is_followed_once(example: ModuleType, stored_instance) -> None:
    """Two days, then one of them loaded again: revenue of these days, also of old ones; an observation is no load."""
    asked = []
    with running_automation(example.defs, stored_instance, START) as automation:
        automation.turn(START)
        for n, days in enumerate([["2026-03-01", "2026-03-05"], [], ["2026-03-01"]], start=1):
            for day in days:
                stored_instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS, partition=day))
            asked.append(sorted(automation.turn(START + n * MINUTE).get("revenue", [])))
        stored_instance.report_runless_asset_event(dg.AssetObservation(ORDERS, partition="2026-03-02"))
        asked.append(automation.turn(START + 4 * MINUTE))
    assert asked == [["2026-03-01", "2026-03-05"], [], ["2026-03-01"], {}]


def test_a_delivery_is_found_by_the_sensor(example: ModuleType, stored_instance, tmp_path: Path, monkeypatch) -> None:
    """No file, a file, the same file, a new one: two materializations, without runs."""
    file = tmp_path / "rates.csv"
    monkeypatch.setenv("SHOP_RATES", str(file))
    seen = []
    with running_daemon(example.defs, stored_instance, START) as daemon:
        for n, text in enumerate([None, "usd,1.1\n", None, "usd,1.12\n"]):
            if text:
                file.write_text(text)
                os.utime(file, (n, n))
            daemon.turn(START + n * MINUTE)
            seen.append(len(loads(stored_instance, example.rates.key)))
    assert (seen, stored_instance.get_runs_count()) == ([0, 1, 1, 2], 0)


def test_an_external_asset_cannot_be_materialized(example: ModuleType, instance) -> None:
    """No job holds it: the error names the selection when the job is resolved."""
    job = dg.define_asset_job("load", dg.AssetSelection.assets(ORDERS))
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.Definitions([example.orders], jobs=[job]).resolve_job_def("load")


def test_in_a_process_with_the_instance(stored_instance) -> None:
    """Where DAGSTER_HOME is at hand, no webserver is needed; a data version stands in the tags."""
    tags = {"dagster/data_version": "42"}
    stored_instance.report_runless_asset_event(dg.AssetMaterialization(ORDERS, partition="2026-03-01", tags=tags))
    [record] = stored_instance.fetch_materializations(ORDERS, limit=1).records
    assert record.asset_materialization.tags["dagster/data_version"] == "42"


def test_trap_the_instance_takes_every_key(example: ModuleType, stored_instance) -> None:
    """Silent: a misspelt asset and a day that does not exist are recorded, and followed by nothing; the real day is."""
    wrong = [dg.AssetMaterialization(["warehouse", "ordres"]), dg.AssetMaterialization(ORDERS, partition="2026-3-1")]
    asked = []
    with running_automation(example.defs, stored_instance, START) as automation:
        automation.turn(START)
        for number, event in enumerate([*wrong, dg.AssetMaterialization(ORDERS, partition="2026-03-01")], start=1):
            stored_instance.report_runless_asset_event(event)
            asked.append(automation.turn(START + number * MINUTE).get("revenue", []))
    assert [len(loads(stored_instance, event.asset_key)) for event in wrong] == [1, 2]
    assert asked == [[], [], ["2026-03-01"]]
