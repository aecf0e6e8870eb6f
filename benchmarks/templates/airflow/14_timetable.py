import pendulum
from airflow.sdk import CronTriggerTimetable, MultipleCronTriggerTimetable, dag, task

office_hours = MultipleCronTriggerTimetable("13 11 * * 1-5", "0 9 1 * *", timezone="Europe/Berlin")


@dag(schedule=office_hours, start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"), catchup=False)
def apples_in_office_hours():
    @task
    def greet() -> str:
        return "north"

    greet()


@dag(schedule=CronTriggerTimetable("13 11 * * *", timezone="UTC"), start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def apples_every_day():
    @task
    def count() -> int:
        return 17

    count()


weekdays, every_day = apples_in_office_hours(), apples_every_day()
assert weekdays.timetable is office_hours
assert every_day.dag_id == "apples_every_day"
