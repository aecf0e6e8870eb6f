"""A path goes between tasks and the rows do not; what the XCom changes or refuses is pinned."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from airflow.sdk import DAG, ObjectStoragePath, task
from run_dag import run_dag

TRAPS = Path(__file__)
PRICE = Decimal("12345678901234567.89")


def hand_over(name: str, value: object) -> None:
    """A task that returns `value` and one that says what arrived."""
    sent = task(task_id=f"send_{name}")(lambda: value)()
    task(task_id=f"read_{name}")(lambda arrived: [type(arrived).__name__, str(arrived)])(sent)


with DAG("xcom_and_object_storage_values"):
    for name, value in {
        "int_keys": {1: "a"},
        "money": PRICE,
        "money_as_text": str(PRICE),
        "bytes": b"x",
        "path": Path("x"),
        "nan": float("nan"),
        "pair": (1, 2),
        "shops": {"bern"},
        "day": date(2026, 3, 4),
    }.items():
        hand_over(name, value)
    task(task_id="read_missing")(lambda ti=None: str(ti.xcom_pull(task_ids="no_such_task")))()


@pytest.mark.usefixtures("metadata_database")
def test_the_path_is_handed_over_and_the_rows_stay_in_storage(
    dag_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The XCom is a path below this test's storage, and it still opens."""
    monkeypatch.setenv("SHOP_STORAGE", tmp_path.as_uri())
    run = run_dag(dag_file)
    orders = run.xcoms["extract"]
    assert run.xcoms["total"] == {"cents": "25.49", "rows": 3}
    assert (type(orders), str(orders).startswith(tmp_path.as_uri())) == (ObjectStoragePath, True)
    assert orders.read_text().count("\n") == 4


@pytest.mark.usefixtures("metadata_database")
def test_trap_what_arrives_is_not_always_what_was_sent() -> None:
    """Green: int keys are text, a Decimal went through a float, a task id that does not exist gives None."""
    xcoms = run_dag(TRAPS, dag_id="xcom_and_object_storage_values").xcoms
    assert xcoms["read_int_keys"] == ["dict", "{'1': 'a'}"]
    assert xcoms["read_money"] == ["Decimal", "12345678901234568"]
    assert xcoms["read_money_as_text"] == ["str", str(PRICE)]
    assert (xcoms["read_shops"], xcoms["read_day"]) == (["set", "{'bern'}"], ["date", "2026-03-04"])
    assert (xcoms["read_pair"], xcoms["read_missing"]) == (["tuple", "(1, 2)"], "None")


@pytest.mark.usefixtures("metadata_database")
def test_what_is_refused_fails_the_task_that_returns_it() -> None:
    """bytes, a pathlib path and NaN; what was to read them is upstream_failed."""
    errors = run_dag(TRAPS, dag_id="xcom_and_object_storage_values").observed.errors
    assert {name: error.split(":")[0] for name, error in errors.items()} == {
        "send_bytes": "TypeError",
        "send_path": "TypeError",
        "send_nan": "ValueError",
    }


def test_trap_pandas_has_nan_for_a_missing_string() -> None:
    """Which an XCom refuses; None passes."""
    import pandas

    frame = pandas.DataFrame({"shop": ["bern", None], "cents": [5.0, None]})
    assert frame.to_dict("records")[1]["shop"] is not None
    sendable = frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert sendable == [{"shop": "bern", "cents": 5.0}, {"shop": None, "cents": None}]


@pytest.mark.slow
def test_only_values_above_the_threshold_go_to_storage(tmp_path: Path) -> None:
    """The back end needs a process of its own; in it, one of the two values became an object."""
    checks = """
        from pathlib import Path
        from run_dag import run_dag

        def test_sizes(metadata_database):
            run = run_dag(Path("DAG_FILE"), dag_id="xcom_and_object_storage_sizes")
            assert (run.state, run.xcoms["lengths"]) == ("success", [10, 5000])
    """
    source = "\n".join(line[8:] for line in checks.splitlines()).replace(
        "DAG_FILE", str(TRAPS.with_name("object_storage_dag.py"))
    )
    (tmp_path / "test_sizes.py").write_text(source)
    (tmp_path / "conftest.py").write_text(
        TRAPS.parents[1].joinpath("conftest.py").read_text().replace("Path(__file__).parent", f"Path({str(TRAPS.parents[1])!r})")
    )
    settings = {
        "AIRFLOW__CORE__XCOM_BACKEND": "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": (tmp_path / "xcoms").as_uri(),
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "1000",
    }
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", str(tmp_path)]
    result = subprocess.run(command, env=os.environ | settings, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-2000:]
    assert [path.parent.name for path in (tmp_path / "xcoms").rglob("*") if path.is_file()] == ["big"]
