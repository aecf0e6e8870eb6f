"""Over real HTTP: a message has one run however often it is sent, and what the webserver refuses does not pass for a launch."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dagster as dg
import duckdb
import pytest
from code_location import load_definitions_file
from dagster_graphql import DagsterGraphQLClient
from run_backfills import finish_backfill
from webserver import Webserver, running_webserver

pytestmark = pytest.mark.slow
launch = load_definitions_file(Path(__file__).with_name("launch.py"))


@pytest.fixture
def server(example: ModuleType, stored_instance: dg.DagsterInstance) -> Iterator[Webserver]:
    with running_webserver(example.defs, stored_instance) as running:
        yield running


def test_a_message_has_one_run_however_often_it_is_sent(server: Webserver, stored_instance: dg.DagsterInstance) -> None:
    """The second call answers the first run's id; another message is another run."""
    runs = [launch.launch_once(server.url, message, {"cents": 450}, server.location) for message in ("m1", "m1", "m2")]
    assert (runs[0] == runs[1], runs[1] == runs[2], stored_instance.get_runs_count()) == (True, False, 2)
    with duckdb.connect("shop_data.duckdb") as shop:
        assert shop.sql("SELECT order_id, cents FROM booked ORDER BY ALL").fetchall() == [("m1", 450), ("m2", 450)]


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
