"""What a trigger refuses, and what a misspelt field of an event becomes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from automation_firing import actions_after
from prefect import flow
from prefect.automations import Automation, EventTrigger, Posture, RunDeployment
from prefect.events import emit_event
from prefect_server import PrefectServer
from pydantic import ValidationError


def test_trap_silence_shorter_than_ten_seconds_is_refused() -> None:
    """A proactive trigger of nine seconds is an error when it is made; a reactive one may be of none."""
    with pytest.raises(ValidationError, match="10 seconds"):
        EventTrigger(expect={"loaded"}, posture=Posture.Proactive, threshold=1, within=timedelta(seconds=9))
    reactive = EventTrigger(expect={"loaded"}, posture=Posture.Reactive, threshold=1, within=timedelta(0))
    proactive = EventTrigger(expect={"loaded"}, posture=Posture.Proactive, threshold=1, within=timedelta(seconds=10))
    assert [trigger.within.total_seconds() for trigger in (reactive, proactive)] == [0, 10]


@pytest.mark.slow
def test_trap_a_misspelt_field_of_the_event_is_an_empty_text(prefect_server: PrefectServer) -> None:
    """The run is made all the same, without the path; the right name has it."""
    deployment = flow(name="load-path")(lambda path, wrong: path).to_deployment("landed").apply()
    given = {
        name: {"__prefect_kind": "jinja", "template": f"{{{{ event.payload.{field} }}}}"}
        for name, field in {"path": "path", "wrong": "paht"}.items()
    }
    trigger = EventTrigger(expect={"landed.trap"}, posture=Posture.Reactive, threshold=1, within=timedelta(0))
    action = RunDeployment(source="selected", deployment_id=deployment, parameters=given)
    automation = Automation(name="on landed", trigger=trigger, actions=[action])
    [done] = actions_after(automation, lambda: emit_event("landed.trap", {"prefect.resource.id": "f"}, payload={"path": "a"}))
    assert (done.failure, done.flow_run.parameters) == (None, {"path": "a", "wrong": ""})
