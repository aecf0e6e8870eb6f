"""Every way to start a run gives the task what production gives it, and refuses what Airflow refuses."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pendulum
import pytest
from airflow.sdk import DAG, Asset, Metadata, Param, task
from airflow.sdk.definitions.timetables.trigger import CronPartitionTimetable
from finished_run import EmittedEvent, read_xcoms
from run_dag import DagFileError, load_dag, rerun, run_dag
from scheduler_steps import register_dag_file, run_queued, trigger

MARCH_4 = pendulum.datetime(2026, 3, 4)
ORDERS = Asset("orders")

with DAG("reads_its_date", schedule="@daily", start_date=MARCH_4) as reads_its_date:

    @task
    def dates(ds=None, data_interval_start=None, data_interval_end=None) -> tuple:
        return ds, data_interval_start and data_interval_start.date(), data_interval_end and data_interval_end.date()

    dates()

with DAG("needs_its_date") as needs_its_date:

    @task
    def date_or_fail(**context) -> str:
        return context["ds"]

    date_or_fail()

with DAG("reads_its_partition", schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC")) as reads_its_partition:

    @task
    def partition(partition_key=None, ds=None) -> list:
        return [partition_key, ds]

    partition()

with DAG("reads_params", params={"limit": Param(3, type="integer", minimum=1)}) as reads_params:

    @task
    def limit(params=None) -> int:
        return params["limit"]

    limit()

with DAG("maps_and_emits") as maps_and_emits:

    @task(map_index_template="{{ shop }}")
    def total(shop: str) -> Decimal:
        from airflow.sdk import get_current_context

        get_current_context()["shop"] = shop
        get_current_context()["ti"].xcom_push("shop", shop)
        return Decimal(len(shop))

    @task(outlets=[ORDERS])
    def publish(totals: list):
        yield Metadata(ORDERS, {"shops": len(list(totals))})

    publish(total.expand(shop=["bern", "oslo!"]))

FLAKY = """
    from pathlib import Path
    from airflow.sdk import dag, task

    @dag
    def needs_a_file():
        @task
        def count() -> int:
            return len(list(Path(__file__).parent.glob("counted-*")))

        @task
        def read(counted: int) -> str:
            return Path(__file__).with_name("orders.csv").read_text()

        read(count())

    needs_a_file()
"""


@pytest.mark.usefixtures("metadata_database")
def test_a_logical_date_a_data_interval_and_neither(dag_file: Path) -> None:
    """A cron string gives an interval of no length; an interval of the test's own overrules it; without date, no `ds`."""
    day, none = MARCH_4.date(), None
    week = (MARCH_4.subtract(weeks=1), MARCH_4)
    assert run_dag(dag_file, MARCH_4, dag_id="reads_its_date").xcoms == {"dates": ("2026-03-04", day, day)}
    run = run_dag(dag_file, MARCH_4, dag_id="reads_its_date", data_interval=week)
    assert run.xcoms == {"dates": ("2026-03-04", day - timedelta(days=7), day)}
    assert run_dag(dag_file, None, dag_id="reads_its_date").xcoms == {"dates": (none, none, none)}


@pytest.mark.usefixtures("metadata_database")
def test_a_task_that_needs_a_date_fails_without_one(dag_file: Path) -> None:
    """The same DAG is green with a date, which is what `dag.test()` without arguments gives it."""
    states = [run_dag(dag_file, date, dag_id="needs_its_date").state for date in (MARCH_4, None)]
    assert states == ["success", "failed"]


@pytest.mark.usefixtures("metadata_database")
def test_a_partition_key_arrives_and_only_where_it_may(dag_file: Path) -> None:
    """A partitioned run has no `ds`; a DAG that is not partitioned refuses the key, as the API server does."""
    run = run_dag(dag_file, dag_id="reads_its_partition", partition_key="2026-03-04T00:00:00")
    assert run.xcoms == {"partition": ["2026-03-04T00:00:00", None]}
    with pytest.raises(ValueError, match="not a partitioned"):
        run_dag(dag_file, dag_id="reads_params", partition_key="2026-03-04T00:00:00")


@pytest.mark.usefixtures("metadata_database")
def test_params_are_filled_and_checked(dag_file: Path) -> None:
    """The default, a value, and a value that the schema refuses before anything runs."""
    assert [run_dag(dag_file, dag_id="reads_params", conf=conf).xcoms["limit"] for conf in (None, {"limit": 9})] == [3, 9]
    with pytest.raises(Exception, match="0 is less than the minimum of 1"):
        run_dag(dag_file, dag_id="reads_params", conf={"limit": 0})


@pytest.mark.usefixtures("metadata_database")
def test_names_xcoms_and_events_are_read_decoded(dag_file: Path) -> None:
    """Mapped instances by index, their rendered names, a Decimal as a Decimal, another XCom key, the event's extra."""
    run = run_dag(dag_file, dag_id="maps_and_emits")
    assert run.mapped_names == {"total[0]": "bern", "total[1]": "oslo!"}
    assert run.xcoms == {"total[0]": Decimal(4), "total[1]": Decimal(5)}
    assert run.asset_events == [EmittedEvent("orders", {"shops": 2}, "publish")]
    assert read_xcoms("maps_and_emits", run.run_id, "shop") == {"total[0]": "bern", "total[1]": "oslo!"}


@pytest.mark.usefixtures("metadata_database")
def test_only_what_failed_is_run_again(tmp_path: Path) -> None:
    """After the cause is gone, the failed task runs a second time and the successful one does not."""
    from textwrap import dedent

    file = tmp_path / "needs_a_file_dag.py"
    file.write_text(dedent(FLAKY))
    first = run_dag(file)
    assert (first.state, first.tries) == ("failed", {"count": 1, "read": 1})
    assert first.observed.errors["read"].startswith("FileNotFoundError")
    (tmp_path / "orders.csv").write_text("1")
    (tmp_path / "counted-1").touch()
    mended = rerun(file, first.run_id, only_failed=True)
    assert (mended.state, mended.tries, mended.xcoms) == ("success", {"count": 1, "read": 2}, {"count": 0, "read": "1"})
    assert rerun(file, first.run_id).xcoms == {"count": 1, "read": "1"}
    with pytest.raises(LookupError, match=r"needs_a_file: nothing to clear in run"):
        rerun(file, first.run_id, only_failed=True)


@pytest.mark.usefixtures("metadata_database")
def test_the_same_logical_date_replaces_its_run(dag_file: Path) -> None:
    """A second run for a date starts from nothing."""
    runs = [run_dag(dag_file, MARCH_4, dag_id="reads_its_date") for _ in range(2)]
    assert [run.tries for run in runs] == [{"dates": 1}] * 2


@pytest.mark.usefixtures("metadata_database")
def test_a_triggered_run_waits_until_it_is_run(dag_file: Path) -> None:
    """Oldest first; a second call finds nothing queued."""
    register_dag_file(dag_file)
    queued = [trigger(dag_file, "reads_params", {"limit": value}) for value in (5, 6)]
    assert [run.xcoms["limit"] for run, _ in run_queued(dag_file, "reads_params").values()] == [5, 6]
    assert (len(queued), run_queued(dag_file, "reads_params")) == (2, {})


def test_a_file_without_the_dag_says_what_it_has(tmp_path: Path, dag_file: Path) -> None:
    """And a file that does not import says where and why."""
    with pytest.raises(DagFileError, match=r"no DAG 'gone'; found \['maps_and_emits', "):
        load_dag(dag_file, "gone")
    broken = tmp_path / "broken_dag.py"
    broken.write_text("from airflow.sdk import DAG\nDAG('x', schedule_interval=None)\n")
    with pytest.raises(DagFileError, match=r'(?s)broken_dag.py", line 2.*schedule_interval'):
        load_dag(broken)
