"""What comes back from a child in another environment, and what does not when it dies or says nothing."""

import shutil
import sys
import venv
from pathlib import Path
from types import ModuleType

import dagster as dg
import dagster_pipes
import pytest
from run_assets import run_assets

REPORTS_AND_DIES = """
import os
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    pipes.log.info("half-way")
    pipes.report_asset_check(check_name="not_empty", passed=True)
    pipes.report_asset_materialization(metadata={"cents": 1})
    os._exit(9)
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Call with the source that takes the script's place."""

    def write(source: str) -> None:
        (tmp_path / "script.py").write_text(source)
        monkeypatch.setenv("SHOP_SCRIPT", str(tmp_path / "script.py"))

    return write


def test_a_python_without_dagster_reports_back(example: ModuleType, instance, tmp_path: Path, monkeypatch) -> None:
    """A fresh virtual environment with nothing but dagster-pipes: metadata, check and log line arrive."""
    home = tmp_path / "other"
    venv.create(home, with_pip=False)
    [site] = home.glob("lib/python*/site-packages")
    shutil.copytree(Path(dagster_pipes.__file__).parent, site / "dagster_pipes")
    monkeypatch.setenv("SHOP_PYTHON", str(home / "bin" / "python"))
    run = run_assets(example.defs, instance)
    assert run.metadata["revenue"] == {"cents": 1650, "dagster/row_count": 2}
    assert run.checks["revenue:not_empty"].metadata == {"rows": 2}
    assert f"INFO revenue: summed with {home}" in run.log


def test_an_empty_file_is_stopped_by_the_childs_check(example: ModuleType, instance, tmp_path: Path, monkeypatch) -> None:
    """The check that the child reports is as blocking as one in Dagster."""
    (tmp_path / "orders.csv").write_text("order_id,cents\n")
    monkeypatch.setenv("SHOP_ORDERS", str(tmp_path / "orders.csv"))
    run = run_assets(example.defs, instance)
    assert (run.status, run.checks["revenue:not_empty"].passed) == ("FAILURE", False)


def test_what_a_dying_child_had_reported_is_lost(example: ModuleType, instance, script) -> None:
    """Log lines arrive as they are written; materialization and check are dropped with the exit code 9."""
    script(REPORTS_AND_DIES)
    run = run_assets(example.defs, instance)
    assert "External execution process failed with code 9" in run.errors["revenue"]
    assert ("INFO revenue: half-way" in run.log, run.metadata, run.checks) == (True, {}, {})


@pytest.mark.parametrize(("implicit", "status"), [(True, "SUCCESS"), (False, "FAILURE")])
def test_a_child_that_says_nothing(instance, tmp_path: Path, implicit: bool, status: str) -> None:
    """Silent: exit code 0 without a report is a materialization, unless implicit_materialization=False."""
    (tmp_path / "silent.py").write_text("print('done nothing')")

    @dg.asset
    def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        done = dg.PipesSubprocessClient().run(command=[sys.executable, str(tmp_path / "silent.py")], context=context)
        return done.get_materialize_result(implicit_materialization=implicit)

    run = run_assets([report], instance)
    assert (run.status, "report" in run.metadata) == (status, implicit)


def test_what_is_not_json_stops_in_the_child(example: ModuleType, instance, script) -> None:
    """Metadata goes through JSON: the child fails at the report, the run with its exit code."""
    script(
        "from dagster_pipes import open_dagster_pipes\n"
        "with open_dagster_pipes() as pipes:\n    pipes.report_asset_materialization(metadata={'day': object()})\n"
    )
    assert "failed with code 1" in run_assets(example.defs, instance).errors["revenue"]
