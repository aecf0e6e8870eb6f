"""What an idempotency key belongs to, over the client and over REST; and three calls that take what they do not use."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from prefect import Flow, flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.deployments import run_deployment
from prefect.events import emit_event
from prefect_server import PrefectServer


@flow
def load_file(path: str = "orders.csv") -> str:
    return path


@pytest.fixture
def client(prefect_server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def deployed(subject: Flow = load_file) -> UUID:
    """A deployment of a name of its own."""
    return subject.to_deployment(f"landed-{uuid4()}").apply()


def test_trap_a_key_belongs_to_the_flow(client: SyncPrefectClient) -> None:
    """The same key through another deployment gives the first one's run and drops its parameters; another flow has its own."""
    key, other_flow = f"file {uuid4()}", flow(name="load-other-file")(load_file.fn)
    ask = client.create_flow_run_from_deployment
    first = ask(deployed(), parameters={"path": "a.csv"}, idempotency_key=key)
    second = ask(deployed(), parameters={"path": "b.csv"}, idempotency_key=key)
    third = ask(deployed(other_flow), parameters={"path": "b.csv"}, idempotency_key=key)
    assert (second.id, second.parameters) == (first.id, {"path": "a.csv"})
    assert (third.id == first.id, third.parameters) == (False, {"path": "b.csv"})


def test_trap_deleting_a_run_frees_its_key(client: SyncPrefectClient) -> None:
    """The next tick asks again and gets a new run."""
    deployment, key = deployed(), f"file {uuid4()}"
    ids = [client.create_flow_run_from_deployment(deployment, idempotency_key=key).id for _ in range(2)]
    client.delete_flow_run(ids[0])
    ids.append(client.create_flow_run_from_deployment(deployment, idempotency_key=key).id)
    assert (ids[0] == ids[1], ids[1] == ids[2]) == (True, False)


def test_trap_over_rest_the_key_is_a_field_and_no_header(client: SyncPrefectClient) -> None:
    """201 and then 200 with the same run for the field; the header of that name is not read, and each POST is a run."""
    path, key = f"/deployments/{deployed()}/create_flow_run", str(uuid4())
    by_header = [client.request("POST", path, json={}, headers={"Idempotency-Key": key}) for _ in range(2)]
    by_field = [client.request("POST", path, json={"idempotency_key": key}) for _ in range(2)]
    assert [len({answer.json()["id"] for answer in answers}) for answers in (by_header, by_field)] == [2, 1]
    assert [answer.status_code for answer in by_field] == [201, 200]


def test_trap_applying_again_resumes_a_paused_deployment(client: SyncPrefectClient) -> None:
    """Whoever paused it is not asked; `paused=True` keeps it so."""
    deployment = load_file.to_deployment("paused").apply()
    client.pause_deployment(deployment)
    paused = [client.read_deployment(deployment).paused]
    for options in ({}, {"paused": True}):
        load_file.to_deployment("paused", **options).apply()
        paused.append(client.read_deployment(deployment).paused)
    assert paused == [True, False, True]


def test_trap_the_second_positional_argument_is_not_the_parameters(prefect_server: PrefectServer) -> None:
    """It is `client`: the dictionary is taken, and the run has the defaults."""
    deployment = deployed()
    lost = run_deployment(deployment, {"path": "a.csv"}, timeout=0)
    given = run_deployment(deployment, parameters={"path": "a.csv"}, timeout=0)
    assert (lost.parameters, given.parameters) == ({}, {"path": "a.csv"})


def test_trap_an_event_without_a_resource_id_is_a_log_line(
    prefect_server: PrefectServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is raised and nothing is sent: the answer is None, not an event."""
    assert emit_event("file.landed", {"id": "a.csv"}) is None
    assert [record.levelname for record in caplog.records if "Error emitting event" in record.getMessage()] == ["ERROR"]
    assert emit_event("file.landed", {"prefect.resource.id": "a.csv"}) is not None
