"""Over real HTTP: a message has one run however often it is sent, and what the webserver refuses does not pass for a launch."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from urllib.error import HTTPError
from uuid import NAMESPACE_URL, uuid5

import dagster as dg
import duckdb
import pytest
import yaml
from code_location import load_definitions_file
from dagster_graphql import DagsterGraphQLClient
from instances import INSTANCE_CONFIG
from run_backfills import finish_backfill
from webserver import Webserver, running_webserver

pytestmark = pytest.mark.slow
launch = load_definitions_file(Path(__file__).with_name("launch.py"))


@pytest.fixture
def server(example: ModuleType, stored_instance: dg.DagsterInstance) -> Iterator[Webserver]:
    with running_webserver(example.defs, stored_instance) as running:
        yield running


@pytest.fixture
def queue(example: ModuleType, stored_instance: dg.DagsterInstance) -> Iterator[Webserver]:
    """A webserver that queues, as in a deployment. Two runs at one moment in threads of one process can wait for each other."""
    config = yaml.safe_load(INSTANCE_CONFIG)
    del config["run_coordinator"]
    home = Path(stored_instance.root_directory)
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.from_config(str(home)) as queued, running_webserver(example.defs, queued) as running:
        yield running


def test_a_message_has_one_run_however_often_it_is_sent(server: Webserver, stored_instance: dg.DagsterInstance) -> None:
    """The second call answers the first run's id; another message is another run."""
    runs = [launch.launch_once(server.url, message, {"cents": 450}, server.location) for message in ("m1", "m1", "m2")]
    assert (runs[0] == runs[1], runs[1] == runs[2], stored_instance.get_runs_count()) == (True, False, 2)
    with duckdb.connect("shop_data.duckdb") as shop:
        assert shop.sql("SELECT order_id, cents FROM booked ORDER BY ALL").fetchall() == [("m1", 450), ("m2", 450)]


def test_trap_the_tag_alone_lets_two_callers_pass(queue: Webserver, stored_instance: dg.DagsterInstance) -> None:
    """Both have looked before either launches: two runs of one message, and no word about it."""
    both_have_looked = threading.Barrier(2, timeout=60)

    def look_and_launch(_: int) -> str:
        found = launch.find_run(queue.url, "m1")
        both_have_looked.wait()
        return found or launch.launch_run(queue.url, "m1", {"cents": 450}, queue.location)

    with ThreadPoolExecutor(2) as callers:
        assert len(set(callers.map(look_and_launch, range(2)))) == 2
    assert {run.tags["message_id"] for run in stored_instance.get_runs()} == {"m1"}


def test_callers_at_one_moment_make_one_run(queue: Webserver, stored_instance: dg.DagsterInstance) -> None:
    """Four at once, five times: each message has one run, and all four callers get its id."""
    together = threading.Barrier(4, timeout=60)

    def call(message: str) -> str:
        together.wait()
        return launch.launch_once(queue.url, message, {"cents": 450}, queue.location)

    with ThreadPoolExecutor(4) as callers:
        answers = [set(callers.map(call, [f"m{number}"] * 4)) for number in range(5)]
    assert ([len(ids) for ids in answers], stored_instance.get_runs_count()) == ([1] * 5, 5)


def test_callers_in_processes_make_one_run(queue: Webserver, stored_instance: dg.DagsterInstance) -> None:
    """The command on the shell, four times at once: the file in the working directory is shared by processes too."""
    command = [sys.executable, str(launch.__file__), queue.url, "m1", '{"cents": 450}', queue.location]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert set(answers) == {run.run_id for run in stored_instance.get_runs()}
    assert (len(set(answers)), [process.returncode for process in processes]) == (1, [0] * 4)


def test_the_api_takes_no_run_id(server: Webserver, stored_instance: dg.DagsterInstance) -> None:
    """An id made from the message would do without a lock; the launch's metadata has no field for it."""
    params = {"selector": {"jobName": "book_order"}, "executionMetadata": {"runId": str(uuid5(NAMESPACE_URL, "m1"))}}
    with pytest.raises(HTTPError) as refused:
        launch._ask(server.url, launch.LAUNCH, {"params": params})
    assert "Field 'runId' is not defined by type 'ExecutionMetadata'" in refused.value.read().decode()
    assert stored_instance.get_runs_count() == 0


def test_the_public_client_launches_again(server: Webserver, stored_instance: dg.DagsterInstance) -> None:
    """`submit_job_execution` knows no run key: the same message twice is two runs."""
    client, tags = DagsterGraphQLClient(server.host, port_number=server.port), {"message_id": "m1"}
    for _ in range(2):
        client.submit_job_execution("book_order", repository_location_name=server.location, tags=tags)
    assert stored_instance.get_runs_count() == 2


@pytest.mark.parametrize(
    ("order", "location", "message"),
    [
        ({"cents": "free"}, None, "RunConfigValidationInvalid: .*Int"),
        ({}, "elsewhere", "PipelineNotFoundError"),
    ],
)
def test_a_refusal_is_an_error(
    server: Webserver, stored_instance: dg.DagsterInstance, order: dict, location: str | None, message: str
) -> None:
    """Wrong config and an unknown code location come with HTTP status 200 and no run."""
    with pytest.raises(launch.Refused, match=message):
        launch.launch_once(server.url, "m1", order, location or server.location)
    assert stored_instance.get_runs_count() == 0


def test_a_backfill_from_outside_drops_days_that_do_not_exist(server: Webserver, stored_instance: dg.DagsterInstance) -> None:
    """April is not among the partitions, and nobody says so; the daemon runs the one day that is."""
    backfill = launch.launch_backfill(server.url, ["revenue"], ["2026-03-02", "2026-04-01"])
    done = finish_backfill(server.workspace, stored_instance, backfill)
    assert (done.status, done.partitions) == ("COMPLETED_SUCCESS", ["2026-03-02"])
