from prefect import flow
from prefect.schedules import Cron


@flow(description="Counts the apples of one region.", version="1.17")
def count_apples(region: str = "north", limit: int = 17) -> int:
    return len(region) * limit


deployment = count_apples.to_deployment(
    name="north-nightly",
    schedule=Cron("13 11 * * *", timezone="Europe/Berlin"),
    parameters={"region": "north", "limit": 11},
    tags=["apples", "nightly"],
    concurrency_limit=3,
    paused=True,
)
assert deployment.name == "north-nightly"
assert deployment.flow_name == "count-apples"
assert deployment.schedules[0].schedule.cron == "13 11 * * *"
assert deployment.parameters["limit"] == 11
assert count_apples.fn("north", 1) == len("north")
