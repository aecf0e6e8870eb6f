"""check.py on a repository of several tools: what it finds, what it leaves alone, how one lives with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import make_dist
import pytest
from proving import ROOT

pytestmark = pytest.mark.slow
PLANTED = """
import os, pathlib, socket

def act(*args, **kwargs):
    leave("file", "")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        leave("network", "")
    leave("environment", str(os.environ.get("SHOP_TOKEN")))
    return []

def leave(kind, text):
    pathlib.Path("{traces}", kind).write_text(text)
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
    "shipping/ship.py": """\
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
    traces_of(root).mkdir()
    (root / "planted.py").write_text(PLANTED.replace("{traces}", str(traces_of(root))))
    return root


def traces_of(root: Path) -> Path:
    """Where the bodies of a repository leave a file for each thing that they did."""
    return root.parent / f"{root.name}-traces"


def check(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "check.py"), *map(str, arguments), "--timeout", "20"]
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
        (".github/workflows/nightly.yml", 2, "E009"),
        ("warehouse/dbt_project.yml", 1, "DbtParse"),
    }


def test_no_body_runs_and_nothing_is_written(told: list[dict[str, Any]], repository: Path) -> None:
    """Neither of assets, checks, tasks, flows, schedules, sensors and callbacks, nor a file beside the sources."""
    assert list(traces_of(repository).iterdir()) == []
    assert {str(path.relative_to(repository)) for path in repository.rglob("*") if path.is_file()} == {*FILES, "planted.py"}


@pytest.mark.parametrize(
    ("folder", "tool", "name"),
    [("assets", "dagster", "orders"), ("dags", "airflow", "load"), ("shipping", "prefect", "shipping")],
)
def test_what_is_selected_runs_after_it_was_said(folder: str, tool: str, name: str, repository: Path) -> None:
    """One definition by its name: it writes, connects to loopback, and reads no secret of the user's."""
    done = check(folder, "--level", "runs", "--select", name, cwd=repository)
    traces = {path.name: path.read_text() for path in traces_of(repository).iterdir()}
    for path in traces_of(repository).iterdir():
        path.unlink()
    assert traces == {"file": "", "network": "", "environment": "None"}, done.stdout
    file = next(one for one in FILES if one.startswith(folder))
    assert done.stderr.startswith(f"{tool}: runs only {name} in {file}, with ")
    if tool != "airflow":  # that file has a stale name, so it is told instead
        assert (done.returncode, f"{file}: ok, runs" in done.stdout, f": {name}\n" in done.stdout) == (0, True, True)


TWO_OF_EACH = {
    "two_assets.py": """\
import dagster as dg, pathlib

@dg.asset
def chosen():
    pathlib.Path("{traces}/chosen").write_text(pathlib.Path("{said}").read_text())

@dg.asset
def other():
    pathlib.Path("{traces}/other").touch()

defs = dg.Definitions([chosen, other])
""",
    "two_flows.py": """\
import pathlib
from prefect import flow

@flow
def chosen():
    pathlib.Path("{traces}/chosen").write_text(pathlib.Path("{said}").read_text())

@flow
def other():
    pathlib.Path("{traces}/other").touch()
""",
}


@pytest.mark.parametrize("name", sorted(TWO_OF_EACH))
def test_what_is_not_selected_stays_still_and_it_is_said_before(name: str, tmp_path: Path) -> None:
    """The neighbour in the same file is not executed; the body that is finds the announcement written already."""
    project, traces, said = tmp_path / "project", tmp_path / "traces", tmp_path / "said.txt"
    project.mkdir()
    traces.mkdir()
    (project / name).write_text(TWO_OF_EACH[name].replace("{traces}", str(traces)).replace("{said}", str(said)))
    command = [sys.executable, str(ROOT / "scripts" / "check.py"), str(project), "--level", "runs", "--select", "chosen"]
    with said.open("w") as errors:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert (done.returncode, [path.name for path in traces.iterdir()]) == (0, ["chosen"]), done.stdout
    assert ": runs only chosen in " in (traces / "chosen").read_text()


def test_a_name_that_is_not_there_is_no_success(repository: Path) -> None:
    """Nothing ran, so nothing is green."""
    done = check("assets", "--level", "runs", "--select", "ordres", cwd=repository)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, "no asset, job, DAG or flow named ordres; leave --level out to see what there is",
    )  # fmt: skip


def test_names_and_traps_share_baseline_and_reports(repository: Path, tmp_path: Path) -> None:
    """A stale name is an error in SARIF beside the traps, a failure in JUnit, an annotation; a baseline holds them all."""
    (repository / "dags" / "load.py").write_text(FILES["dags/load.py"].replace("  # trap: ignore", "  # was: ignore"))
    report, junit = tmp_path / "report.sarif", tmp_path / "junit.xml"
    done = check("dags", "--format", "sarif", "--output", report, "--junit", junit, cwd=repository)
    written = json.loads(report.read_text())
    jsonschema.validate(written, json.loads((ROOT / "tests" / "schemas" / "sarif-2.1.0.json").read_text()))
    results = [(one["ruleId"], one["level"]) for one in written["runs"][0]["results"]]
    expected = {"A009": "warning", "AIR311": "error", "DeprecatedImportWarning": "error"}
    assert (done.returncode, dict(results), len(results)) == (1, expected, 3)
    failures = ElementTree.parse(junit).findall(".//failure")
    assert sorted(one.get("message", "").split()[0] for one in failures) == sorted(expected)

    told = check("dags", "--format", "github", cwd=repository).stdout
    assert {kind: level for kind, level in expected.items() if f"::{level} file=dags/load.py,line=" in told} == expected
    assert {kind for kind in expected if f"title={kind}::" in told} == set(expected)

    kept = check("dags", "--write-baseline", tmp_path / "known.json", cwd=repository)
    again = check("dags", "--baseline", tmp_path / "known.json", cwd=repository)
    assert (kept.returncode, again.returncode) == (0, 0)
    assert f"3 in {tmp_path / 'known.json'}" in again.stdout


def test_a_comment_or_a_setting_needs_a_reason_for_a_stale_name_too(tmp_path: Path) -> None:
    """Without one the finding stays, and says why; the project's settings keep it quiet everywhere."""
    (tmp_path / "load.py").write_text("from airflow.decorators import task  # trap: ignore[DeprecatedImportWarning]\n")
    told = json.loads(check(".", "--json", "-", cwd=tmp_path).stdout)["findings"]
    assert [(one["line"], one["kind"]) for one in told] == [(1, "DeprecatedImportWarning")]
    assert told[0]["message"].endswith("(the comment on line 1 gives no reason, and is not heard)")
    (tmp_path / "pyproject.toml").write_text("[tool.find-traps]\nignore = { DeprecatedImportWarning = 'moved in March' }\n")
    assert check(".", cwd=tmp_path).returncode == 0


def test_the_upload_finds_the_project_s_interpreter_with_the_standard_library_alone(tmp_path: Path) -> None:
    """Flows and a workflow, from the files of the upload, by a Python without packages; `--python` wins over .venv."""
    make_dist.write(tmp_path / "upload.zip", list(make_dist.always()))
    zipfile.ZipFile(tmp_path / "upload.zip").extractall(tmp_path)
    project = tmp_path / "project"
    workflow = project / ".github" / "workflows" / "nightly.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(FILES[".github/workflows/nightly.yml"])
    (project / "ship.py").write_text("from prefect import flow\n\n@flow\ndef shipping(): ...\n")
    (project / ".venv").symlink_to(ROOT / "examples" / "prefect" / ".venv")
    command = [sys.executable, "-S", str(tmp_path / make_dist.NAME / "scripts" / "check.py"), "."]
    for arguments, python, found_by in (
        ([], project / ".venv" / "bin" / "python", ".venv"),
        (["--python", str(ROOT / "examples" / "prefect" / ".venv" / "bin" / "python")], None, "--python"),
    ):
        done = subprocess.run([*command, *arguments], cwd=project, capture_output=True, text=True)
        lines = done.stdout.splitlines()
        assert (done.returncode, done.stderr) == (0, "")
        assert f"prefect: 1 file with {python or arguments[1]} ({found_by})" in lines
        assert ".github/workflows/nightly.yml:1: E007 (hint): the scheduled workflow has no concurrency group" in lines
        assert any(line.startswith("ship.py: ok, loads (prefect") for line in lines)


def environment_with(folder: Path, tool: str, module: str) -> Path:
    """An environment in ``folder`` that has the packages of the locked one, and a module of its own; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    (packages,) = (folder / ".venv").glob("lib/*/site-packages")
    (locked,) = (ROOT / "examples" / tool / ".venv").glob("lib/*/site-packages")
    for entry in locked.iterdir():
        (packages / entry.name).symlink_to(entry)
    (packages / f"{module}.py").write_text("")
    return folder / ".venv" / "bin" / "python"


@pytest.mark.parametrize("script", ["check.py", "find_traps.py"])
def test_each_folder_with_an_environment_of_its_own_is_loaded_with_that(script: str, tmp_path: Path) -> None:
    """A repository of two services, each with a package that the other lacks; what is in no service goes with the first."""
    pythons = {}
    for name in ("billing", "shipping"):
        (tmp_path / name / "flows").mkdir(parents=True)
        (tmp_path / name / "flows" / f"{name}_flow.py").write_text(
            f"import only_{name}\nfrom prefect import flow, task\n\n@task(timeout_seconds=1)\ndef wait():\n"
            "    import time\n    time.sleep(5)\n\n@flow\ndef all():\n    wait.submit()\n"
        )
        pythons[name] = environment_with(tmp_path / name, "prefect", f"only_{name}")
    (tmp_path / "shared.py").write_text("from prefect import flow\nimport only_billing\n")
    command = [sys.executable, str(ROOT / "scripts" / script), "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "ModuleNotFoundError" not in done.stdout
    assert done.stdout.count("_flow.py:5: P009") == 2, done.stdout + done.stderr
    if script == "check.py":
        assert f"prefect: 2 files with {pythons['billing']} (billing/.venv)" in done.stdout.splitlines()
        assert f"prefect: 1 file with {pythons['shipping']} (shipping/.venv)" in done.stdout.splitlines()
    wrong = subprocess.run([*command, "--python", pythons["billing"]], cwd=tmp_path, capture_output=True, text=True)
    assert "shipping/flows/shipping_flow.py:1" in wrong.stdout and "No module named 'only_shipping'" in wrong.stdout


@pytest.mark.parametrize("script", ["check.py", "find_traps.py"])
def test_an_interpreter_that_lacks_one_of_the_tools_costs_the_others_nothing(script: str, tmp_path: Path) -> None:
    """`check.py` takes the pins for what it lacks, and says so; the traps name it; one that has no tool at all is refused."""
    files = {"ship.py": "from prefect import flow\n\n@flow\ndef ship(): ...\n", "report.py": "import dagster as dg\n"}
    for name, code in files.items():
        (tmp_path / name).write_text(code)
    python = ROOT / "examples" / "prefect" / ".venv" / "bin" / "python"
    command = [sys.executable, str(ROOT / "scripts" / script), "."]
    done = subprocess.run([*command, "--python", str(python)], cwd=tmp_path, capture_output=True, text=True)
    if script == "check.py":
        assert f"prefect: 1 file with {python} (--python)" in done.stdout.splitlines()
        assert any(line.startswith("dagster: 1 file") and "--python has no dagster" in line for line in done.stdout.splitlines())
    else:
        assert done.returncode == 1
        assert done.stdout.startswith(f"report.py:1: LOAD none of 1 files with dagster was looked into: {python} has no dagster")
    lacking = subprocess.run([*command, "--python", sys.executable], cwd=tmp_path, capture_output=True, text=True)
    assert (lacking.returncode, lacking.stdout) == (2, "")
    assert f"{sys.executable} has no dagster and no prefect; name the interpreter" in lacking.stderr
    no_program = subprocess.run([*command, "--python", "ship.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (no_program.returncode, no_program.stdout) == (2, "")
    assert "ship.py cannot be run: Permission denied; name the project's interpreter" in no_program.stderr


def test_an_interpreter_without_the_tool_is_named_for_a_single_file_too(tmp_path: Path) -> None:
    """One line, and no traceback of ours."""
    (tmp_path / "report.py").write_text("import dagster as dg\n")
    done = check("report.py", "--python", sys.executable, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"dagster: {sys.executable} has no dagster; name an interpreter that has it with --python" in done.stderr
    assert "Traceback" not in done.stderr


TWICE = {
    "A010": "@dag(schedule=None)\ndef {id}():\n    pass\n",
    "A011": "with DAG('{id}'):\n    EmptyOperator(task_id='a')\nwith DAG('{id}'):\n    EmptyOperator(task_id='b')\n",
    "A016": "with DAG('{id}'):\n    EmptyOperator(task_id='end', sla=timedelta(hours=1))\n",
    "A019": "with DAG('{id}', tags=[Variable.get('country')]):\n    pass\n",
}
IMPORTS = """\
from datetime import timedelta
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Variable, dag
"""


def test_a_fault_that_the_checker_and_a_rule_see_is_told_once(tmp_path: Path) -> None:
    """The trap alone; where a comment keeps that quiet, what the checker says of the same line too."""
    for name, code in TWICE.items():
        (tmp_path / f"{name}.py").write_text(IMPORTS + code.format(id=name.lower()))
    kind = "import dagster as dg\n\n@dg.asset(compute_kind='python')\ndef report(): ...\n\ndefs = dg.Definitions([report])\n"
    (tmp_path / "D004.py").write_text(kind)
    again = kind.replace("report", "other").replace(
        "(compute_kind='python')", "(compute_kind='python')  # trap: ignore[D004] shown"
    )
    (tmp_path / "quiet.py").write_text(again)
    told = json.loads(check(".", "--set", "AIRFLOW_VAR_COUNTRY=de", "--json", "-", cwd=tmp_path).stdout)["findings"]
    assert sorted(one["kind"] for one in told) == [*TWICE, "D004"]
    assert all(one["file"] == f"{one['kind']}.py" for one in told)


DAGSTER_YAML = """\
storage:
  postgres:
    postgres_db:
      hostname: db
      username: {env: DAGSTER_PG_USER}
      password: {env: DAGSTER_PG_PASSWORD}
      db_name: dagster
concurrency:
  pools: {default_limit: 2}
"""


def test_what_a_folder_is_is_said_and_its_settings_are_held_against_the_loader(tmp_path: Path) -> None:
    """A dg project, a workspace and an instance with a wrong key each, a bundle, Snowflake SQL: named in one report."""
    (tmp_path / "pyproject.toml").write_text("[tool.dg]\ndirectory_type = 'project'\n")
    (tmp_path / "workspace.yaml").write_text("load_from:\n  - python_fil: repo.py\n")
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/dagster.yaml").write_text(DAGSTER_YAML.replace("default_limit", "limit"))
    (tmp_path / "repo.py").write_text("import dagster as dg\n\ndefs = dg.Definitions()\n")
    (tmp_path / "databricks.yml").write_text("bundle: {name: shop}\n")
    (tmp_path / "tasks.sql").write_text("CREATE TASK load WAREHOUSE = w SCHEDULE = '60 MINUTE' AS SELECT 1;\n")
    answer = json.loads(check(".", "--json", "-", cwd=tmp_path).stdout)
    assert {(one["file"], one["line"], one["kind"]) for one in answer["findings"]} == {
        ("workspace.yaml", 2, "DagsterInvalidConfigError"),
        ("deploy/dagster.yaml", 9, "DagsterInvalidConfigError"),
        ("tasks.sql", 1, "E001"),
    }
    recognised = next(line for line in answer["looked_at"] if line.startswith("recognised: "))
    assert set(recognised.removeprefix("recognised: ").split(", ")) == {
        "dg project (pyproject.toml)", "Dagster workspace (workspace.yaml)", "Databricks bundle (databricks.yml)",
        "Dagster instance (dagster.yaml and 1 more)",
    }  # fmt: skip
    assert "read: 1 file (Snowflake SQL)" in answer["looked_at"]


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


@pytest.mark.skipif(shutil.which("git") is None, reason="no git: install Debian's package `git`; .ci/run does")
def test_a_mechanical_fix_is_printed_as_a_patch(stale: Path) -> None:
    """That `git apply` takes; nothing is changed."""
    done = check(".", "--diff", cwd=stale)
    assert (stale / "nightly.py").read_text() == STALE
    subprocess.run(["git", "apply", "-p1"], input=done.stdout, text=True, cwd=stale, check=True, capture_output=True)
    assert (stale / "nightly.py").read_text() == STALE.replace("tz=", "timezone=")


def test_only_a_fix_that_a_run_has_proved_is_applied(stale: Path) -> None:
    """The other file is left as it was, with the error that the fix would bring; the report is of what is left."""
    done = check(".", "--fix", cwd=stale)
    assert (stale / "nightly.py").read_text() == STALE.replace("tz=", "timezone=")
    assert (stale / "never.py").read_text() == STALE.replace("0 1 * * *", "0 25 * * *")
    assert "nightly.py: fixed, 1 gone; the copy that was checked has nothing new" in done.stdout.splitlines()
    assert "\nnever.py: not fixed: never.py would have ValueError: Invalid cron string" in done.stdout
    assert (done.returncode, done.stdout.splitlines()[0].split(" ")[:2]) == (1, ["never.py:8:", "TypeError:"])


def test_a_moved_import_and_a_trap_are_fixed_beside_what_a_comment_keeps(tmp_path: Path) -> None:
    """The import on the commented line and the tags whose letters are meant stay; then nothing is left to tell."""
    (tmp_path / "load.py").write_text(TWO_DAGS)
    done = check(".", "--fix", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "load.py").read_text()) == (
        0, TWO_DAGS.replace("from airflow.operators.empty", "from airflow.providers.standard.operators.empty")
        .replace('tags="loud"', 'tags=["loud"]'),
    ), done.stdout  # fmt: skip


TWO_DAGS = """\
import pendulum
from airflow.decorators import task  # trap: ignore[DeprecatedImportWarning] with the next release
from airflow.operators.empty import EmptyOperator
from airflow.sdk import dag

START = pendulum.datetime(2026, 1, 1, tz="UTC")

@dag(
    schedule="0 1 * * *",
    start_date=START,
    tags="loud",
)
def loud():
    @task  # trap: ignore[AIR311] with the next release
    def one(): ...
    one() >> EmptyOperator(task_id="end")

# trap: ignore[A009] the letters are meant
@dag(schedule="0 1 * * *", start_date=START, tags="abc")
def quiet():
    EmptyOperator(task_id="end")

loud()
quiet()
"""
