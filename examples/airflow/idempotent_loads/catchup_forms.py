"""What the scheduler makes up for after a pause: nothing but the last tick, or every tick since `start_date`."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, task

START = pendulum.datetime(2026, 3, 2)

with DAG("idempotent_loads_last_tick", schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC"), start_date=START):
    task(task_id="day")(lambda ds=None: ds)()

with DAG(
    "idempotent_loads_every_tick",
    schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC"),
    start_date=START,
    end_date=START.add(days=2),
    catchup=True,
):
    task(task_id="day")(lambda ds=None: ds)()
