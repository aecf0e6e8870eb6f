"""What the client takes for a host, and what a launch is without a daemon."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError
from instances import INSTANCE_CONFIG
from webserver import running_webserver

pytestmark = pytest.mark.slow


@dg.job
def book_order() -> None: ...


def test_trap_a_url_is_no_host(stored_instance: dg.DagsterInstance) -> None:
    """The client looks up a machine of the name `http`; host and port apart reach the webserver."""
    with running_webserver(dg.Definitions(jobs=[book_order]), stored_instance) as server:
        with pytest.raises(DagsterGraphQLClientError) as unreached:
            DagsterGraphQLClient(server.url).submit_job_execution("book_order", repository_location_name=server.location)
        assert "host='http'" in str(unreached.value.__cause__)
        client = DagsterGraphQLClient(server.host, port_number=server.port)
        assert client.submit_job_execution("book_order", repository_location_name=server.location)


def test_trap_a_launched_run_waits_for_a_daemon(instance_template: Path, stored_instance: dg.DagsterInstance) -> None:
    """The answer is a run's id; with the default queue and no daemon the run stays QUEUED."""
    config = yaml.safe_load(INSTANCE_CONFIG)
    del config["run_coordinator"]
    home = Path(stored_instance.root_directory)
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    found = []
    for instance in (dg.DagsterInstance.from_config(str(home)), stored_instance):
        with running_webserver(dg.Definitions(jobs=[book_order]), instance) as server:
            client = DagsterGraphQLClient(server.host, port_number=server.port)
            run = client.submit_job_execution("book_order", repository_location_name=server.location)
            found.append(client.get_run_status(run).value)
    assert found == ["QUEUED", "SUCCESS"]
