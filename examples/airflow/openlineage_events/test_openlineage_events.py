"""What the file holds after a run with a failure, and every setting that leaves it empty without a word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow_processes import end_trees

if TYPE_CHECKING:
    from live_airflow import LiveAirflow

HARNESS = Path(__file__).parents[1] / "harness"
RUN = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from metadata_database import open_database
from run_dag import run_dag

with open_database(Path(sys.argv[2])):
    run = run_dag(Path(sys.argv[3]))
Path("told.txt").write_text(f"STATES {sorted(run.task_states.items())}")
"""
LISTENERS = """
from pathlib import Path
from airflow.providers.openlineage.plugins.openlineage import OpenLineageProviderPlugin
Path("told.txt").write_text(f"LISTENERS {len(OpenLineageProviderPlugin.listeners)}")
"""
NO_TASK_PROCESS = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
with DAG("run_without_a_worker", schedule=None):
    EmptyOperator(task_id="nothing")
"""
STATES = "STATES [('add_up', 'success'), ('count_secrets', 'success'), ('land', 'success'), ('publish', 'failed')]"
Events = dict[str, list[dict[str, Any]]]


def run_in_own_process(home: Path, code: str, *arguments: object, **settings: str) -> str:
    """What it tells. A process of its own, for the provider reads its settings once; no OpenLineage setting is inherited."""
    inherited = {name: value for name, value in os.environ.items() if "OPENLINEAGE" not in name}
    own = inherited | {"AIRFLOW_HOME": str(home), "SHOP_DATABASE": str(home / "shop.duckdb")} | settings
    command = [sys.executable, "-c", code, *map(str, arguments)]
    subprocess.run(command, env=own, cwd=home, capture_output=True, timeout=240, check=True)
    return (home / "told.txt").read_text()


def events_of(template: Path, home: Path, **settings: str) -> Events:
    """Run the example, with a task that fails, and read the file: job name -> its events in order."""
    file, database = home / "events.ndjson", home / "airflow.db"
    database.write_bytes(template.read_bytes())
    transport = json.dumps({"type": "file", "log_file_path": str(file), "append": True})
    settings |= {"AIRFLOW__OPENLINEAGE__TRANSPORT": transport, "AIRFLOW__OPENLINEAGE__NAMESPACE": "shop", "SHOP_BROKEN": "1"}
    told = run_in_own_process(home, RUN, HARNESS, database, Path(__file__).with_name("dag.py"), **settings)
    assert told == STATES
    found: Events = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        event = json.loads(line)
        found.setdefault(event["job"]["name"], []).append(event)
    return found


@pytest.fixture(scope="module")
def events(metadata_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Events:
    """The events of one run of the example with the file transport."""
    return events_of(metadata_template, tmp_path_factory.mktemp("lineage"))


def datasets(event: dict[str, Any], side: str) -> list[tuple[str, str]]:
    """Namespace and name of what an event reads (`inputs`) or writes (`outputs`)."""
    return [(dataset["namespace"], dataset["name"]) for dataset in event[side]]


def test_tables_of_the_sql_are_inputs_and_outputs(events: Events) -> None:
    """Of a hook that names its database: with columns, and which column came from which."""
    start, complete = events["shop_totals.add_up"]
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert (datasets(complete, "inputs"), datasets(complete, "outputs")) == (
        [("duckdb://shop.duckdb", "main.orders")],
        [("duckdb://shop.duckdb", "main.totals")],
    )
    lineage = complete["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert {name: [field["field"] for field in sources["inputFields"]] for name, sources in lineage.items()} == {
        "customer": ["customer"],
        "cents": ["cents"],
    }


def test_silent_the_providers_own_duckdb_hook_names_no_table(events: Events) -> None:
    """Only the inlet is there; the table that the SQL writes is not."""
    complete = events["shop_totals.land"][-1]
    assert (datasets(complete, "inputs"), datasets(complete, "outputs")) == ([("file://shop", "/landing/orders.csv")], [])


def test_silent_an_asset_without_a_known_scheme_is_left_out(events: Events) -> None:
    """Two outlets, one dataset; and a failed task names it too, though nothing was written."""
    fail = events["shop_totals.publish"][-1]
    assert (fail["eventType"], datasets(fail, "outputs")) == ("FAIL", [("s3://shop-lake", "totals")])
    assert fail["run"]["facets"]["errorMessage"]["message"] == "the lake is closed"
    assert [event["eventType"] for event in events["shop_totals"]] == ["FAIL"]


def test_silent_disable_lineage_alone_does_nothing(events: Events) -> None:
    """Without `selective_enable` the task that opted out is reported all the same."""
    assert [event["eventType"] for event in events["shop_totals.count_secrets"]] == ["START", "COMPLETE"]


def test_silent_selective_enable_sends_nothing_of_a_dag_that_did_not_opt_in(metadata_template: Path, tmp_path: Path) -> None:
    """Nothing of it is sent: no file."""
    assert events_of(metadata_template, tmp_path, AIRFLOW__OPENLINEAGE__SELECTIVE_ENABLE="True") == {}


@pytest.mark.parametrize(
    ("settings", "listeners"),
    [
        ({"AIRFLOW__OPENLINEAGE__TRANSPORT": '{"type": "console"}'}, 1),
        ({"OPENLINEAGE_URL": "http://127.0.0.1:1"}, 1),
        ({"AIRFLOW__OPENLINEAGE__NAMESPACE": "shop"}, 0),
        ({"AIRFLOW__OPENLINEAGE__TRANSPORT": '{"type": "console"}', "AIRFLOW__OPENLINEAGE__DISABLED": "True"}, 0),
        ({"AIRFLOW__OPENLINEAGE__TRANSPORT": '{"type": "console"}', "OPENLINEAGE_DISABLED": "true"}, 0),
    ],
)
def test_silent_without_a_transport_or_when_disabled_nobody_listens(
    tmp_path: Path, settings: dict[str, str], listeners: int
) -> None:
    """An installed provider with a namespace only is off."""
    assert run_in_own_process(tmp_path, LISTENERS, **settings) == f"LISTENERS {listeners}"


@pytest.fixture
def scheduler_events(live_airflow: LiveAirflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of events of a live Airflow whose scheduler alone has a transport; afterwards it has none again."""
    file = tmp_path / "events.ndjson"
    transport = json.dumps({"type": "file", "log_file_path": str(file), "append": True})
    with live_airflow.without("scheduler"), monkeypatch.context() as settings:
        settings.setitem(live_airflow.environment, "AIRFLOW__OPENLINEAGE__TRANSPORT", transport)
        settings.setitem(live_airflow.environment, "AIRFLOW__OPENLINEAGE__DISABLED", "False")
        live_airflow.start("scheduler")
        yield file
        end_trees([live_airflow.processes.pop("scheduler")])


@pytest.mark.slow
def test_the_runs_own_start_is_sent_by_the_scheduler(live_airflow: LiveAirflow, scheduler_events: Path) -> None:
    """No task process and no other component could have: START when the run begins, COMPLETE when it ends."""
    live_airflow.add_dag_file("run_without_a_worker.py", NO_TASK_PROCESS, "run_without_a_worker")
    run_id = live_airflow.trigger("run_without_a_worker")
    assert live_airflow.wait_for_run("run_without_a_worker", run_id) == (run_id, "success")

    def sent() -> list[str]:
        lines = scheduler_events.read_text().splitlines() if scheduler_events.exists() else []
        events = [json.loads(line) for line in lines]
        return [event["eventType"] for event in events if event["job"]["name"] == "run_without_a_worker"]

    live_airflow.wait(lambda: len(sent()) == 2, lambda: f"sent: {sent()}")
    assert sorted(sent()) == ["COMPLETE", "START"]
