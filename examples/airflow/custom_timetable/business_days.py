"""Report each business day of the shop.

What: a timetable of one's own, registered as plugin; five runs a week, none on a holiday, days of the shop's zone.
When: days no cron line can name; a fixed list of moments is airflow.timetables.events.EventsTimetable, without a plugin.
Run: AIRFLOW__CORE__PLUGINS_FOLDER=plugins AIRFLOW__CORE__DAGS_FOLDER=$PWD airflow dags test custom_timetable_report 2026-04-07
Expect: `day` returns 2026-04-02: the 3rd and the 6th of April 2026 are holidays, the 4th and 5th a weekend.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import dag, task
from shop_timetables import BusinessDays

EASTER = ("2026-04-03", "2026-04-06")


@dag(
    schedule=BusinessDays("Europe/Berlin", EASTER),
    start_date=pendulum.datetime(2026, 3, 26, tz="Europe/Berlin"),
    catchup=True,
    tags=["shop"],
)
def custom_timetable_report() -> None:
    """The local date of the interval's start is the day."""

    @task
    def day(data_interval_start=None) -> str:
        return pendulum.instance(data_interval_start).in_timezone("Europe/Berlin").to_date_string()

    day()


custom_timetable_report()
