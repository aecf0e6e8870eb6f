from prefect import flow
from prefect.events import DeploymentEventTrigger, Event, Resource


@flow
def load_file(path: str, rows: int = 17) -> str:
    return f"{rows} apples from {path}"


trigger = DeploymentEventTrigger(
    name="a file of apples has landed",
    expect={"north.file.landed"},
    for_each={"prefect.resource.id"},
    parameters={"path": "{{ event.resource.id }}"},
    threshold=3,
)
deployment = load_file.to_deployment(name="on-landing", triggers=[trigger])
event = Event(
    event="north.file.landed",
    resource=Resource.model_validate({"prefect.resource.id": "file.apples-11.csv"}),
    payload={"rows": 17},
)
assert deployment.triggers[0].expect == {"north.file.landed"}
assert load_file.fn(event.resource.id) == "17 apples from file.apples-11.csv"
