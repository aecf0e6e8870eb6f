"""What dbt calls its task runs, where it writes, and where dlt keeps its state, unless it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import dlt
import pytest
from dlt.common.pipeline import get_dlt_pipelines_dir
from finished_run import read_run, run_and_read
from prefect import flow
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings
from prefect_server import PrefectServer

HERE = Path(__file__).parent
WRITTEN = {"target", "logs"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example's dbt project without what dbt wrote, and a database of its own."""
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.duckdb"))
    monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    without = shutil.ignore_patterns(*WRITTEN)
    return Path(shutil.copytree(HERE / "dbt_shop", tmp_path / "dbt_shop", ignore=without))


@pytest.mark.slow
def test_trap_every_model_and_seed_is_one_task(
    prefect_server: PrefectServer, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By task all runs are `execute_dbt_node`; the run's name tells them apart. Without folders dbt writes into the project."""
    monkeypatch.chdir(tmp_path)

    @flow
    def seed(**settings: Path) -> None:
        runner = PrefectDbtRunner(settings=PrefectDbtSettings(project_dir=project, profiles_dir=project, **settings))
        runner.invoke(["parse"])
        assert runner.manifest.nodes  # or a node may have no task run: test_dbt_task_run_traps.py
        runner.invoke(["seed"])

    run = run_and_read(seed)
    seeds = sorted(file.stem for file in (project / "seeds").glob("*.csv"))
    assert list(run.task_states) == ["execute_dbt_node"]
    assert sorted(each.name for each in run.task_runs) == [f"seed {name}" for name in seeds] != []
    assert {path.name for path in project.iterdir()} >= WRITTEN


SEED = """
import sys
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

@flow
def seed():
    runner = PrefectDbtRunner(settings=PrefectDbtSettings(project_dir=sys.argv[1], profiles_dir=sys.argv[1]))
    runner.invoke(["parse"])
    assert runner.manifest.nodes
    runner.invoke(["seed"])

with temporary_settings({PREFECT_API_URL: sys.argv[2]}):
    print("run", seed(return_state=True).state_details.flow_run_id)
"""


@pytest.mark.slow
@pytest.mark.parametrize("in_environment", [False, True])
def test_trap_under_temporary_settings_dbts_lines_are_lost(
    prefect_server: PrefectServer, project: Path, in_environment: bool
) -> None:
    """The thread that logs them copies no context; a URL in the environment before the import reaches every thread."""
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    environment |= {"PREFECT_API_URL": prefect_server.api_url} if in_environment else {}
    command = [sys.executable, "-c", SEED, str(project), prefect_server.api_url]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    run = read_run(UUID(printed.split()[-1]))
    assert (run.state.name, [each.name for each in run.task_runs]) == ("Completed", ["seed products"])
    assert any("Done. PASS=1" in line for line in run.messages()) is in_environment


@pytest.mark.slow
def test_trap_prefect_dbt_cli_warns() -> None:
    """As it is imported; `prefect_dbt` itself does not."""
    code = "import sys, prefect_dbt; print('then', file=sys.stderr); import prefect_dbt.cli"
    said = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, text=True, check=True).stderr
    before, _, after = said.partition("then")
    assert ["prefect_dbt.core" in part for part in (before, after)] == [False, True]


def test_trap_dlts_state_lies_in_one_folder_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~/.dlt/pipelines`, for root `/var/dlt/pipelines`, whatever the working directory; `pipelines_dir` is the way out."""
    for name in ("DLT_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    home = Path("/var/dlt") if os.geteuid() == 0 else tmp_path / ".dlt"
    assert get_dlt_pipelines_dir() == str(home / "pipelines")
    assert dlt.pipeline("shop", pipelines_dir=str(tmp_path / "own")).pipelines_dir == str(tmp_path / "own")
