"""An automation that acts, one that does not, and one whose action fails out of sight are told apart."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from automation_firing import Action, actions_after
from prefect import flow
from prefect.automations import Automation, EventTrigger, Posture, RunDeployment
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect_server import PrefectServer

pytestmark = pytest.mark.slow


@flow
def load_file(path: str) -> str:
    """What the automation starts."""
    return path


def on_landed(deployment_id: UUID, template: str, threshold: int = 1) -> Automation:
    """One run for `threshold` landed files."""
    trigger = EventTrigger(
        expect={"file.landed"}, match={"prefect.resource.id": "file.*"},
        posture=Posture.Reactive, threshold=threshold, within=timedelta(seconds=0 if threshold == 1 else 60),
    )  # fmt: skip
    path = {"__prefect_kind": "jinja", "template": template}
    action = RunDeployment(source="selected", deployment_id=deployment_id, parameters={"path": path})
    return Automation(name="load landed files", trigger=trigger, actions=[action])


@pytest.fixture
def deployment_id(prefect_server: PrefectServer) -> UUID:
    """A deployment that nothing executes: the runs stay Scheduled."""
    return load_file.to_deployment("landed").apply()


def land(*names: str) -> None:
    """Announce files."""
    for name in names:
        emit_event("file.landed", {"prefect.resource.id": f"file.{name}"}, payload={"path": f"/landing/{name}"})


def paths(actions: list[Action]) -> list[str]:
    """The parameter of each run that was made."""
    return [action.flow_run.parameters["path"] for action in actions if action.flow_run]


def test_every_event_makes_a_run(deployment_id: UUID) -> None:
    """Two events, two runs, each with the path of its own event; the automation is gone afterwards."""
    actions = actions_after(on_landed(deployment_id, "{{ event.payload.path }}"), lambda: land("a.csv", "b.csv"))
    assert [action.failure for action in actions] == [None, None]
    assert sorted(paths(actions)) == ["/landing/a.csv", "/landing/b.csv"]
    with get_client(sync_client=True) as client:
        assert client.read_automations_by_name("load landed files") == []


def test_an_event_that_does_not_match_starts_nothing(deployment_id: UUID) -> None:
    """An answer, not a timeout: nothing came although a later event was acted on."""
    template = "{{ event.payload.path }}"
    other = actions_after(
        on_landed(deployment_id, template), lambda: emit_event("file.landed", {"prefect.resource.id": "folder.a"})
    )
    too_few = actions_after(on_landed(deployment_id, template, threshold=3), lambda: land("a.csv", "b.csv"))
    assert (other, too_few) == ([], [])


def test_an_action_that_fails_out_of_sight(deployment_id: UUID) -> None:
    """The automation fires, no run is there, and only an event of the server says why."""
    missing = UUID(int=0)
    [action] = actions_after(on_landed(missing, "{{ event.payload.path }}"), lambda: land("a.csv"))
    assert (action.type, action.flow_run, "404" in str(action.failure)) == ("run-deployment", None, True)


def test_a_misspelt_payload_field_is_an_empty_parameter(deployment_id: UUID) -> None:
    """Jinja gives nothing for a name that is not there, and the run is made with it."""
    actions = actions_after(on_landed(deployment_id, "{{ event.payload.pth }}"), lambda: land("a.csv"))
    assert ([action.failure for action in actions], paths(actions)) == ([None], [""])
