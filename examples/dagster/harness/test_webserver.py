"""A webserver on loopback answers Dagster's public client, and is gone when its block ends."""

import socket

import dagster as dg
import pytest
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError
from webserver import running_webserver

pytestmark = pytest.mark.slow


@dg.op
def send() -> None: ...


@dg.job
def mail() -> None:
    send()


def test_a_client_launches_a_run_and_is_told_of_one_that_cannot_be(stored_instance: dg.DagsterInstance) -> None:
    """The run has ended when its id is answered; an unknown job is refused."""
    with running_webserver(dg.Definitions(jobs=[mail]), stored_instance) as server:
        client = DagsterGraphQLClient(server.host, port_number=server.port)
        run_id = client.submit_job_execution("mail", repository_location_name=server.location)
        assert client.get_run_status(run_id) is dg.DagsterRunStatus.SUCCESS
        with pytest.raises(DagsterGraphQLClientError, match="PipelineNotFoundError"):
            client.submit_job_execution("male", server.location, "__repository__")


def test_nothing_listens_after_the_block(stored_instance: dg.DagsterInstance) -> None:
    """Also when the block ends by an error."""
    with pytest.raises(LookupError), running_webserver(dg.Definitions(jobs=[mail]), stored_instance) as server:
        raise LookupError
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), timeout=5)


def test_an_instance_in_memory_is_refused(instance: dg.DagsterInstance) -> None:
    """Its tables would be empty in the webserver's threads."""
    with pytest.raises(ValueError, match="use the stored_instance fixture"):
        running_webserver(dg.Definitions(jobs=[mail]), instance).__enter__()
