"""The shop's timetable, in the plugins folder: scheduler, dag-processor and API server each import it from there."""

from __future__ import annotations

from datetime import date
from typing import Any

import pendulum
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable


class BusinessDays(Timetable):
    """One run for each business day, at its local midnight's end; Friday's run is due on Saturday, not on Monday."""

    def __init__(self, timezone: str = "UTC", holidays: tuple[str, ...] = ()) -> None:
        self.timezone, self.holidays = timezone, tuple(sorted(holidays))

    @property
    def summary(self) -> str:
        """What the UI shows as the schedule."""
        return f"business days ({self.timezone})"

    def serialize(self) -> dict[str, Any]:
        """What the database keeps; only JSON."""
        return {"timezone": self.timezone, "holidays": list(self.holidays)}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> BusinessDays:
        """The scheduler never sees the DAG file, only this."""
        return cls(data["timezone"], tuple(data["holidays"]))

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """A run by hand stands for the last whole business day."""
        return self._interval_of(self._business_day(self._local(run_after).subtract(days=1), -1))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The business day after the last one; without catchup none that ended before the last whole one."""
        if last_automated_data_interval is not None:
            first = self._local(last_automated_data_interval.start).add(days=1)
        elif restriction.earliest is not None:
            first = self._local(restriction.earliest)
        else:
            return None
        if not restriction.catchup:
            first = max(first, self.infer_manual_data_interval(run_after=pendulum.now("UTC")).start)
        interval = self._interval_of(self._business_day(first, +1))
        if restriction.latest is not None and interval.start > restriction.latest:
            return None
        return DagRunInfo.interval(interval.start, interval.end)

    def _local(self, moment: pendulum.DateTime) -> pendulum.DateTime:
        return moment.in_timezone(self.timezone).start_of("day")

    def _business_day(self, day: pendulum.DateTime, step: int) -> pendulum.DateTime:
        while date(day.year, day.month, day.day).weekday() > 4 or day.to_date_string() in self.holidays:
            day = day.add(days=step)
        return day

    def _interval_of(self, day: pendulum.DateTime) -> DataInterval:
        return DataInterval(day.in_timezone("UTC"), day.add(days=1).in_timezone("UTC"))


class ShopTimetables(AirflowPlugin):
    """Registers the class; restart scheduler, dag-processor and API server after a change."""

    name = "shop_timetables"
    timetables = [BusinessDays]  # noqa: RUF012
