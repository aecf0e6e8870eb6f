"""What no timetable is spared: limits that it must keep itself, errors that nobody raises, runs without a pause."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pendulum
import pytest
from airflow import settings
from airflow.models.dag import DagModel
from airflow.sdk import DAG, task
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from dag_integrity import serialize_and_back
from run_dag import DagFileError, load_dag
from scheduler_steps import create_due_runs, register_dag_file, run_queued
from sqlalchemy import select

TRAPS = Path(__file__)
START = pendulum.datetime(2026, 3, 2)

with DAG("custom_timetable_no_pause", schedule="@continuous", start_date=START, max_active_runs=1):
    task(task_id="load")(lambda: 1 / 0)()


class Daily(Timetable):
    """A day after the other from the start date on."""

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """Not asked here."""
        raise NotImplementedError

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The day after the last one, whatever `restriction` says."""
        start = last_automated_data_interval.end if last_automated_data_interval else restriction.earliest
        return DagRunInfo.interval(start, start + timedelta(days=1))


class KeepsLimits(Daily):
    """Looks at `catchup` and `latest`."""

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """None after the end; the last whole day at the earliest, unless missed ones are wanted."""
        found = super().next_dagrun_info(last_automated_data_interval=last_automated_data_interval, restriction=restriction)
        if not restriction.catchup:
            yesterday = pendulum.today("UTC").subtract(days=1)
            found = DagRunInfo.interval(*(max(found.data_interval.start, yesterday) + timedelta(days=n) for n in (0, 1)))
        ended = restriction.latest is not None and found.data_interval.start > restriction.latest
        return None if ended else found


class Broken(Daily):
    """Fails on the second tick."""

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The holidays of the next year are missing."""
        if last_automated_data_interval:
            raise KeyError("holidays of 2027")
        return super().next_dagrun_info(last_automated_data_interval=None, restriction=restriction)


def first_ticks(timetable: Timetable, **options: object) -> list[str | None]:
    """The first two days that the scheduler's copy of a DAG ticks for, as it asks an own timetable for them."""
    with DAG("custom_timetable_limits", start_date=START, schedule="@daily", **options) as dag:
        task(task_id="load")(lambda: 1)()
    scheduled = serialize_and_back(dag)
    scheduled.timetable = timetable  # in place of a plugin, which needs a process of its own
    first = scheduled.next_dagrun_info(last_automated_run_info=None)
    second = scheduled.next_dagrun_info(last_automated_run_info=first) if first else None
    return [tick and tick.data_interval.start.to_date_string() for tick in (first, second)]


def test_trap_catchup_and_end_date_are_nothing_if_the_timetable_ignores_them() -> None:
    """`catchup=False` still makes every old run; after `end_date` runs go on."""
    assert first_ticks(Daily(), catchup=False) == ["2026-03-02", "2026-03-03"]
    assert first_ticks(KeepsLimits(), catchup=False)[0] == pendulum.today("UTC").subtract(days=1).to_date_string()
    ends = {"catchup": True, "end_date": START}
    assert first_ticks(Daily(), **ends) == ["2026-03-02", "2026-03-03"]
    assert first_ticks(KeepsLimits(), **ends) == ["2026-03-02", None]


def test_trap_an_error_in_a_timetable_is_the_end_of_the_schedule(capsys: pytest.CaptureFixture[str]) -> None:
    """It is logged and not raised: the same None as after `end_date`."""
    assert first_ticks(Broken(), catchup=True) == ["2026-03-02", None]
    assert "Failed to fetch run info" in capsys.readouterr().out


@pytest.mark.parametrize(("limit", "accepted"), [("", False), (", max_active_runs=2", False), (", max_active_runs=1", True)])
def test_continuous_is_refused_with_the_default_limit_of_runs(tmp_path: Path, limit: str, accepted: bool) -> None:
    """The default is 16, so the file does not import until `max_active_runs=1` is written."""
    file = tmp_path / "dag.py"
    file.write_text(f"from airflow.sdk import DAG\ndag = DAG('custom_timetable_continuous', schedule='@continuous'{limit})\n")
    if accepted:
        assert load_dag(file).max_active_runs == 1
    else:
        with pytest.raises(DagFileError, match="ContinuousTimetable requires max_active_runs <= 1"):
            load_dag(file)


@pytest.mark.usefixtures("metadata_database")
def test_trap_continuous_starts_a_failing_dag_again_at_once() -> None:
    """The next run is due when the failed one has ended: no pause, no limit."""
    register_dag_file(TRAPS)
    states = []
    for _ in range(3):
        (model,) = settings.Session().scalars(select(DagModel))
        model.next_dagrun_create_after -= timedelta(seconds=1)  # SQLite's clock counts whole seconds
        settings.Session().commit()
        create_due_runs()
        states += [run.state for run, _ in run_queued(TRAPS, "custom_timetable_no_pause").values()]
    assert states == ["failed"] * 3
