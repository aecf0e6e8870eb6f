"""check.py on a repository of several tools: what it finds, what it leaves alone, how one lives with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from proving import ROOT

pytestmark = pytest.mark.slow
PLANTED = """
import os, pathlib
def act(*args, **kwargs):
    pathlib.Path(os.environ["PLANTED"] if "PLANTED" in os.environ else "{trace}").write_text("a body ran")
    return []
"""
FILES = {
    "pyproject.toml": "[project]\nname = 'shop'\nversion = '0'\n",
    "assets/definitions.py": """\
import dagster as dg
from planted import act

@dg.asset
def orders():
    act()
    return dg.MaterializeResult()

@dg.asset
def totals(orders):
    act()

@dg.asset_check(asset=orders)
def enough():
    act()

nightly = dg.define_asset_job("nightly", selection=[orders])

@dg.schedule(job=nightly, cron_schedule="0 1 * * *", execution_timezone="UTC",
             default_status=dg.DefaultScheduleStatus.RUNNING)
def at_night():
    return act()

@dg.sensor(job=nightly, default_status=dg.DefaultSensorStatus.RUNNING)
def on_file():
    return act()

class Shop(dg.ConfigurableResource):
    def setup_for_execution(self, context):
        act()

defs = dg.Definitions(assets=[orders, totals], asset_checks=[enough], jobs=[nightly], schedules=[at_night], sensors=[on_file],
                      resources={"shop": Shop()})
""",
    "dags/load.py": """\
import pendulum
from airflow.decorators import task  # trap: ignore[DeprecatedImportWarning] moved with the next release
from airflow.sdk import dag
from planted import act

@dag(schedule="0 1 * * *", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), tags="abc", on_failure_callback=act)
def load():
    @task(on_success_callback=act)
    def one():
        act()
    one()

load()
""",
    "flows/ship.py": """\
from prefect import flow, task
from planted import act

@task(on_completion=[act])
def send():
    act()

@flow(on_completion=[act])
def shipping():
    send()
""",
    "flows/unfinished.py": "from prefect import flow\ndef (:\n",
    "flows/missing.py": "from prefect import flow\nimport not_there_at_all\n",
    "flows/endless.py": "from prefect import flow\nwhile True:\n    pass\n",
    "flows/throws.py": "from prefect import flow\n\n@flow\ndef ready(): ...\nraise ValueError('not today')\n",
    "flows/secret.py": "import os\nfrom prefect import flow\nassert 'SHOP_TOKEN' not in os.environ\n",
    ".github/workflows/nightly.yml": 'on: {schedule: [{cron: "0 1 * * *"}]}\njobs: {load: {runs-on: x, steps: [{run: make}]}}\n',
    "warehouse/dbt_project.yml": "name: warehouse\nprofile: shop\n",
    "warehouse/profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}\n",
    "warehouse/models/orders.sql": "select * from {{ ref('nothing') }}\n",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dagster, Airflow, Prefect, dbt and a workflow in one repository; four of its files cannot be loaded."""
    root = tmp_path_factory.mktemp("repository")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "planted.py").write_text(PLANTED.replace("{trace}", str(root.parent / f"{root.name}.trace")))
    return root


def check(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "check.py"), *map(str, arguments), "--timeout", "10"]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=os.environ | {"SHOP_TOKEN": "abc"})


@pytest.fixture(scope="module")
def told(repository: Path) -> list[dict[str, Any]]:
    """The findings of the whole repository."""
    done = check(".", "--json", "-", cwd=repository)
    assert done.returncode == 1, done.stderr
    return json.loads(done.stdout)["findings"]


def test_each_file_is_loaded_by_its_tool_and_each_trap_told(told: list[dict[str, Any]]) -> None:
    """Names, traps, a workflow and a dbt project in one report; a comment with its reason is heard."""
    found = {(one["file"], one["line"], one["kind"]) for one in told}
    assert found == {
        ("assets/definitions.py", 10, "D001"),
        ("dags/load.py", 6, "A009"),
        ("dags/load.py", 8, "AIR311"),
        ("flows/unfinished.py", 2, "SyntaxError"),
        ("flows/missing.py", 2, "ModuleNotFoundError"),
        ("flows/endless.py", 1, "NoResult"),
        ("flows/throws.py", 5, "ValueError"),
        (".github/workflows/nightly.yml", 1, "E007"),
        ("warehouse/dbt_project.yml", 1, "DbtParse"),
    }


def test_no_body_runs_and_nothing_is_written(told: list[dict[str, Any]], repository: Path) -> None:
    """Neither of assets, checks, tasks, flows, schedules, sensors and callbacks, nor a file beside the sources."""
    assert not (repository.parent / f"{repository.name}.trace").exists()
    assert {str(path.relative_to(repository)) for path in repository.rglob("*") if path.is_file()} == {*FILES, "planted.py"}


def test_what_is_selected_runs_after_it_was_said(repository: Path) -> None:
    """One asset by its name; the others and the other tools stay still."""
    done = check("assets", "--level", "runs", "--select", "orders", cwd=repository)
    trace = repository.parent / f"{repository.name}.trace"
    ran, _ = trace.exists(), trace.unlink(missing_ok=True)
    assert (done.returncode, ran) == (0, True), done.stdout
    assert done.stderr.startswith("dagster: runs only orders in assets/definitions.py, with ")
    assert "assets/definitions.py: ok, runs" in done.stdout
    assert ": orders\n" in done.stdout


def test_a_name_that_is_not_there_is_no_success(repository: Path) -> None:
    """Nothing ran, so nothing is green."""
    done = check("assets", "--level", "runs", "--select", "ordres", cwd=repository)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, "no asset, job, DAG or flow named ordres; leave --level out to see what there is",
    )  # fmt: skip


def test_names_and_traps_share_baseline_and_sarif(repository: Path, tmp_path: Path) -> None:
    """A stale name is an error in SARIF beside the traps; a baseline holds both, and only what is new fails."""
    (repository / "dags" / "load.py").write_text(FILES["dags/load.py"].replace("  # trap: ignore", "  # was: ignore"))
    report = tmp_path / "report.sarif"
    done = check("dags", "--format", "sarif", "--output", report, cwd=repository)
    written = json.loads(report.read_text())
    jsonschema.validate(written, json.loads((ROOT / "tests" / "schemas" / "sarif-2.1.0.json").read_text()))
    results = [(one["ruleId"], one["level"]) for one in written["runs"][0]["results"]]
    assert (done.returncode, sorted(results)) == (
        1,
        [("A009", "warning"), ("AIR311", "error"), ("DeprecatedImportWarning", "error")],
    )

    kept = check("dags", "--write-baseline", tmp_path / "known.json", cwd=repository)
    again = check("dags", "--baseline", tmp_path / "known.json", cwd=repository)
    assert (kept.returncode, again.returncode) == (0, 0)
    assert f"3 in {tmp_path / 'known.json'}" in again.stdout


STALE = """\
from prefect import flow
from prefect.schedules import Cron

@flow
def load():
    return 1

NIGHTLY = Cron("0 1 * * *", tz="Europe/Berlin")
"""


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    """A project with a file that a rename mends, and one where the rename brings the next error to light."""
    (tmp_path / "nightly.py").write_text(STALE)
    (tmp_path / "never.py").write_text(STALE.replace("0 1 * * *", "0 25 * * *"))
    return tmp_path


def test_a_mechanical_fix_is_printed_as_a_patch(stale: Path) -> None:
    """That `git apply` takes; nothing is changed."""
    done = check(".", "--diff", cwd=stale)
    assert (stale / "nightly.py").read_text() == STALE
    subprocess.run(["git", "apply", "-p1"], input=done.stdout, text=True, cwd=stale, check=True, capture_output=True)
    assert (stale / "nightly.py").read_text() == STALE.replace("tz=", "timezone=")


def test_only_a_fix_that_a_run_has_proved_is_applied(stale: Path) -> None:
    """The other file is left as it was, with the error that the fix would bring."""
    done = check(".", "--fix", cwd=stale)
    assert (stale / "nightly.py").read_text() == STALE.replace("tz=", "timezone=")
    assert (stale / "never.py").read_text() == STALE.replace("0 1 * * *", "0 25 * * *")
    told = sorted(done.stdout.splitlines()[:2], reverse=True)
    assert told[0] == "nightly.py: fixed, 1 gone; the copy that was checked has nothing new"
    assert told[1].startswith("never.py: not fixed: never.py would have ValueError: Invalid cron string")
