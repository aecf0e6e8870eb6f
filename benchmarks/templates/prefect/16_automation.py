from datetime import timedelta

from prefect.automations import Automation, EventTrigger
from prefect.events import Posture
from prefect.events.actions import CancelFlowRun, RunDeployment

too_late = Automation(
    name="north apples are late",
    description="No run has completed in time.",
    trigger=EventTrigger(
        expect={"prefect.flow-run.Completed"},
        match_related={"prefect.resource.name": "apples", "prefect.resource.role": "flow"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(hours=11),
    ),
    actions=[RunDeployment(source="inferred", parameters={"limit": 17}), CancelFlowRun()],
    enabled=False,
)

assert too_late.trigger.posture is Posture.Proactive
assert too_late.trigger.within == timedelta(hours=11)
assert [action.type for action in too_late.actions] == ["run-deployment", "cancel-flow-run"]
