"""The Airflow 2 file fails step by step with the errors named here; the migrated one gives its table."""

import ast
import os
import shutil
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from dag_files import load_dag
from dag_integrity import find_problems, serialize_and_back
from pendulum import DateTime, datetime
from run_dag import run_dag

HERE = Path(__file__).parent
BEFORE = HERE.parents[2] / "tests" / "migration_airflow_2" / "orders_dag.py"
DAY, NEXT = datetime(2026, 3, 4), datetime(2026, 3, 5)
OLD_CHECKS = 'SubDagOperator(task_id="checks", subdag=checks("migrated_orders", "checks"))'
# The error that the file has, and the edit that brings the next one to light.
STEPS = [
    ("No module named 'airflow.datasets'", "from airflow.datasets import Dataset", "from airflow.sdk import Asset as Dataset"),
    ("No module named 'airflow.operators.dummy'", "airflow.operators.dummy import Dummy", "airflow.operators.empty import Empty"),
    ("No module named 'airflow.operators.subdag'", "from airflow.operators.subdag import SubDagOperator\n", ""),
    ("cannot import name 'days_ago'", "from airflow.utils.dates import days_ago", "import pendulum"),
    ("name 'days_ago' is not defined", "days_ago(7)", "pendulum.datetime(2026, 3, 1)"),
    ("unexpected keyword argument 'schedule_interval'", "schedule_interval=", "schedule="),
    ("unexpected keyword argument 'concurrency'", "concurrency=", "max_active_tasks="),
    ("name 'DummyOperator' is not defined", "DummyOperator", "EmptyOperator"),
    ("**kwargs: {'provide_context': True}", "provide_context=True, ", ""),
    ("name 'SubDagOperator' is not defined", OLD_CHECKS, 'EmptyOperator(task_id="checks")'),
]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of this test's own and the landed orders."""
    shutil.copy(HERE / "orders.csv", tmp_path)
    monkeypatch.setenv("SHOP_LANDING", str(tmp_path))
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop_data.duckdb"))


def table() -> list[tuple[str, int]]:
    with duckdb.connect(os.environ["SHOP_DATABASE"]) as shop:
        return shop.sql("SELECT day, cents FROM daily_revenue ORDER BY day").fetchall()


def importable(tmp_path: Path) -> Path:
    """The Airflow 2 file after every edit that an error asked for."""
    text, file = BEFORE.read_text(), tmp_path / "importable.py"
    for _, old, new in STEPS:
        text = text.replace(old, new)
    file.write_text(text)
    return file


def load_as_airflow_2(day: DateTime, following: DateTime) -> dict[str, object]:
    """Call the old `load` with the context that Airflow 2 gave it; it did not know the name `Variable` otherwise."""
    functions = [node for node in ast.parse(BEFORE.read_text()).body if getattr(node, "name", "") == "load"]
    names: dict[str, object] = {"Variable": SimpleNamespace(get=lambda key, default_var: default_var)}
    exec(compile(ast.Module(functions, []), str(BEFORE), "exec"), names)
    return names["load"](execution_date=day, next_ds=f"{following:%Y-%m-%d}")


def test_each_edit_uncovers_the_next_error(tmp_path: Path) -> None:
    """A file tells one error a time: an import first, then what DAG and operators refuse."""
    text = BEFORE.read_text()
    for number, (error, old, new) in enumerate(STEPS):
        file = tmp_path / f"step_{number}.py"  # of one file written twice in a second, Python may run the first one's byte code
        file.write_text(text)
        assert any(error in problem for problem in find_problems(file)), error
        assert old in text
        text = text.replace(old, new)


def test_what_no_import_error_tells(metadata_database: Path, tmp_path: Path) -> None:
    """The file is green in the DAG processor, and each of its tasks fails in a worker; the SLA is gone, catchup is off."""
    file = importable(tmp_path)
    assert find_problems(file) == []
    with pytest.warns(UserWarning, match="The SLA feature is removed in Airflow 3.0"):
        dag = load_dag(file)
    assert (dag.catchup, dag.deadline) == (False, None)
    before = file.read_text()
    found = {}
    for task_id in ("earlier_runs", "load", "tell"):
        alone = before.replace("start >> count >> loaded >> checked >> told", "")
        file.write_text(alone)
        found[task_id] = run_dag(file, NEXT).observed.errors[task_id]
    assert found["earlier_runs"].startswith("RuntimeError: Direct database access via the ORM is not allowed")
    assert "missing 1 required positional argument: 'execution_date'" in found["load"]
    assert found["tell"] == "UndefinedError: 'execution_date' is undefined"


def test_the_same_day_gives_the_same_row(metadata_database: Path, dag_file: Path) -> None:
    """What the old function wrote for an interval, and what the migrated DAG's run for it writes."""
    told, old = load_as_airflow_2(DAY, NEXT), table()
    Path(os.environ["SHOP_DATABASE"]).unlink()
    run = run_dag(dag_file, DAY, data_interval=(DAY, NEXT))
    assert (run.state, run.xcoms["load"], run.xcoms["earlier_runs"]) == ("success", told, 1)
    assert table() == old == [("2026-03-04", 4600)]
    assert [event.asset for event in run.asset_events] == ["daily_revenue"]
    assert "loaded 2026-03-04, next 2026-03-05" in "\n".join(run.observed.log)


def test_a_deadline_stands_where_the_sla_was(dag_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In production only: `dag.test()` cannot end a run of a DAG that has one."""
    monkeypatch.setenv("SHOP_DEPLOYMENT", "production")
    assert [alert.interval for alert in load_dag(dag_file).deadline] == [timedelta(hours=1)]
    assert find_problems(dag_file) == []


def test_a_cron_string_would_load_the_wrong_day(metadata_database: Path, dag_file: Path, tmp_path: Path) -> None:
    """Silent: since 3.0 the run that fires on the 5th has the date of the 5th and an interval of no length."""
    file, timetable = tmp_path / "cron.py", 'CronDataIntervalTimetable("@daily", timezone="UTC")'
    file.write_text(dag_file.read_text().replace(timetable, '"@daily"'))
    ticks = [serialize_and_back(load_dag(each)).next_dagrun_info(last_automated_run_info=None) for each in (dag_file, file)]
    assert [tick.data_interval.end - tick.data_interval.start for tick in ticks] == [timedelta(days=1), timedelta(0)]
    assert run_dag(file, NEXT).xcoms["load"] == {"day": "2026-03-05", "next": "2026-03-05", "cents": 2000}
