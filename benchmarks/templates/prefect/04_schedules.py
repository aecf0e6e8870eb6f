from datetime import UTC, datetime, timedelta

from prefect import flow
from prefect.schedules import Cron, Interval, RRule


@flow
def refresh_apples(full: bool = False) -> str:
    return "all apples" if full else "new apples"


schedules = [
    Cron("13 11 * * 1-5", timezone="Europe/Berlin", slug="workdays"),
    Interval(timedelta(minutes=13), anchor_date=datetime(2026, 1, 1, tzinfo=UTC), slug="often"),
    RRule("FREQ=MONTHLY;BYDAY=1MO", slug="monthly", parameters={"full": True}),
]
deployment = refresh_apples.to_deployment(name="north", schedules=schedules)
assert [one.slug for one in deployment.schedules] == ["workdays", "often", "monthly"]
assert deployment.schedules[1].schedule.interval == timedelta(minutes=13)
assert deployment.schedules[2].parameters == {"full": True}
assert refresh_apples.fn(full=True) == "all apples"
