"""The Prefect 2 flow fails step by step with the errors named here; the migrated one leaves its table."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
from conftest import load_flow_file
from finished_run import FinishedRun, read_run, run_and_read
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectImportError
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker
from prefect_server import PrefectServer
from worker_process import start_run, work_once

HERE = Path(__file__).parent
BEFORE = HERE.parents[2] / "tests" / "migration_prefect_2"
ROWS = [("bern", 3400, "CHF"), ("thun", 2700, "CHF")]
OLD_CLIENT = pytest.mark.filterwarnings("ignore:.*get_client.* has been moved:DeprecationWarning")
# The error that the file or its run has, and the edit (a regular expression and its replacement) that uncovers the next.
STEPS = [
    ("cannot import name 'JSON'", r"from prefect.blocks.system import JSON", "from prefect.variables import Variable"),
    ("`prefect.deployments:Deployment` has been removed", r"from prefect.deployments import Deployment\n", ""),
    ("cannot import name 'Process'", r"from prefect.infrastructure import Process\n", ""),
    ("No module named 'prefect.orion'", r"from prefect.orion.* import CronSchedule\n", ""),
    ("cannot import name 'SequentialTaskRunner'", r"import SequentialTaskRunner", "import ThreadPoolTaskRunner"),
    ("name 'SequentialTaskRunner' is not defined", r"SequentialTaskRunner\(", "ThreadPoolTaskRunner(max_workers=1"),
    ("PrefectConcurrentFuture can't be used in 'await' expression", r"await (\w+\.submit)", r"\1"),
    ("no attribute 'get_state'", r"\(await loaded.get_state\(\)\)", "loaded.state"),
]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Landed orders and a database of this test's own."""
    shutil.copy(HERE / "orders.csv", tmp_path)
    for name, value in {"SHOP_LANDING": tmp_path, "SHOP_DATABASE": tmp_path / "shop.duckdb", "SHOP_CODE": HERE}.items():
        monkeypatch.setenv(name, str(value))


def table() -> list[tuple[str, int, str]]:
    with duckdb.connect(os.environ["SHOP_DATABASE"]) as shop:
        return shop.sql("SELECT * FROM revenue ORDER BY shop").fetchall()


def run_file(file: Path, text: str) -> FinishedRun:
    """Write `text` to a new file, and run its flow as far as it comes."""
    file.parent.mkdir()
    file.write_text(text)
    return run_and_read(load_flow_file(file).orders)


def error_of(file: Path, text: str) -> str:
    try:
        run = run_file(file, text)
    except (ImportError, NameError) as error:
        return str(error)
    return str(run.result) if isinstance(run.result, Exception) else ""


def after_every_error() -> str:
    """The Prefect 2 file after each edit that an error asked for."""
    text = (BEFORE / "orders_flow.py").read_text()
    for _, old, new in STEPS:
        text = re.sub(old, new, text)
    return text


def waiting(text: str) -> str:
    """The flow's file, with a wait for the last task of each shop; in one thread, the earlier ones have ended then."""
    return text.replace('count_one.submit("shop")', 'count_one.submit("shop").wait()')


def load_as_prefect_2() -> None:
    """Run the old tasks' functions in the order in which the old flow waited for them."""
    tree = ast.parse((BEFORE / "orders_flow.py").read_text())
    functions = [node for node in tree.body if getattr(node, "name", "") in ("read", "load")]
    for function in functions:
        function.decorator_list = []
    names: dict[str, object] = {}
    exec(
        compile(ast.Module([*ast.parse("import csv, os, duckdb\nfrom pathlib import Path").body, *functions], []), "old", "exec"),
        names,
    )
    for shop in ("bern", "thun"):
        names["load"](shop, names["read"](shop), {"tea": 900, "mug": 1600})


@OLD_CLIENT
def test_each_edit_uncovers_the_next_error(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Six errors at import, one a time, then two in the run."""
    text = (BEFORE / "orders_flow.py").read_text()
    for number, (error, old, new) in enumerate(STEPS):
        assert error in error_of(tmp_path / f"step_{number}" / "flow.py", text)
        text, edits = re.subn(old, new, text)
        assert edits


@OLD_CLIENT
def test_a_failed_task_no_longer_fails_a_flow_that_returns_nothing(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Silent: `JSON` is still there in a task. Nothing is loaded, and the run is Completed."""
    run = run_file(tmp_path / "silent" / "flow.py", waiting(after_every_error()))
    assert (run.state.name, run.task_states["prices"], run.task_states["load"]) == ("Completed", ["Failed"], ["NotReady"] * 2)
    assert any("name 'JSON' is not defined" in line for line in run.messages(40))
    assert not Path(os.environ["SHOP_DATABASE"]).exists()


@OLD_CLIENT
def test_a_stored_result_is_a_cache_now(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Silent: `persist_result=True` alone skips the second call with the same arguments."""
    mended = after_every_error().replace('JSON.load("prices").value', "{'tea': 900, 'mug': 1600}")
    run = run_file(tmp_path / "mended" / "flow.py", waiting(mended))
    assert (run.task_states["count_one"], table()) == (["Completed", "Cached"], ROWS)
    assert (tmp_path / "counted.txt").read_text() == "shop\n"


def test_what_nobody_waits_for_is_cancelled(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Silent: a flow that ends takes along the tasks that wait for a thread; 2.x ran them first."""
    ended: list[int] = []

    @task
    def note(number: int) -> None:
        time.sleep(0.1)
        ended.append(number)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def notes(wait_for_all: bool) -> None:
        futures = note.map(range(20))
        if wait_for_all:
            futures.wait()

    assert (run_and_read(notes, wait_for_all=False).state.name, len(ended) < 20) == ("Completed", True)
    ended.clear()
    assert (run_and_read(notes, wait_for_all=True).state.name, ended) == ("Completed", list(range(20)))


def test_the_migrated_flow_leaves_the_same_table(example: ModuleType, tmp_path: Path) -> None:
    """The rows that the old functions wrote, every call counted; and a task that fails is the run's end."""
    load_as_prefect_2()
    old = table()
    Path(os.environ["SHOP_DATABASE"]).unlink()
    run = run_and_read(example.orders)
    assert (run.state.name, run.result, table()) == ("Completed", {"bern": 3400, "thun": 2700}, old)
    assert (old, (tmp_path / "counted.txt").read_text()) == (ROWS, "shop\nshop\n")
    assert [line.rpartition(" ")[2] for line in run.messages() if ", run " in line] == ["Completed", "Completed"]
    (tmp_path / "orders.csv").write_text("shop,product,quantity\nbern,cup,1\n")
    failed = run_and_read(example.orders)
    assert (failed.state.name, failed.task_states["load"]) == ("Failed", ["Failed", "Completed"])


def test_the_removed_names_that_say_what_to_use() -> None:
    """Four of them; the rest is an ImportError without advice."""
    for statement, advice in [
        ("from prefect.deployments import Deployment", "Use `flow.serve()`, `flow.deploy()`, or `prefect deploy` instead"),
        ("from prefect.infrastructure import KubernetesJob", "Use workers instead"),
        ("from prefect.agent import PrefectAgent", "Use workers instead"),
        ("from prefect.filesystems import S3", "Use `prefect_aws.S3Bucket` instead"),
    ]:
        with pytest.raises(PrefectImportError, match=re.escape(advice)):
            exec(statement)


def command_line(*words: str, folder: Path = HERE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def deployed(folder: Path) -> DeploymentResponse:
    """Deploy a folder's prefect.yaml to the pool `shop`."""
    with get_client(sync_client=True) as client:
        if "shop" not in {pool.name for pool in client.read_work_pools()}:
            client.create_work_pool(WorkPoolCreate(name="shop", type="process"))
        done = command_line("deploy", "--all", folder=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return client.read_deployment_by_name("orders/nightly")


def currency_in_process(deployment: DeploymentResponse) -> str | None:
    """What the worker would put into the environment of a run's process."""
    template = ProcessWorker.get_default_base_job_template()
    rendered = ProcessJobConfiguration.from_template_and_values(template, deployment.job_variables)
    return asyncio.run(rendered).env.get("SHOP_CURRENCY")


@pytest.mark.slow
def test_the_commands_of_2_are_gone(prefect_server: PrefectServer) -> None:
    """Exit code 1, and the name of the command."""
    for gone, words in {"agent": ["agent", "start"], "build": ["deployment", "build"], "apply": ["deployment", "apply"]}.items():
        done = command_line(*words)
        assert (done.returncode, f'Unknown command "{gone}"' in done.stdout + done.stderr) == (1, True)


@pytest.mark.slow
def test_the_old_yaml_deploys_and_loses_two_settings(clean_server: PrefectServer, tmp_path: Path) -> None:
    """Silent, exit code 0: the paused schedule runs, `infra_overrides` is dropped. A dotted variable still arrives."""
    shutil.copy(HERE / "flow.py", tmp_path)
    shutil.copy(BEFORE / "prefect.yaml", tmp_path)
    old = deployed(tmp_path)
    assert ([schedule.active for schedule in old.schedules], currency_in_process(old)) == ([True], None)
    assert currency_in_process(old.model_copy(update={"job_variables": {"env.SHOP_CURRENCY": "EUR"}})) == "EUR"
    new = deployed(HERE)
    assert ([schedule.active for schedule in new.schedules], currency_in_process(new)) == ([False], "EUR")


@pytest.mark.slow
def test_a_worker_runs_what_the_agent_ran(clean_server: PrefectServer, tmp_path: Path) -> None:
    """What the pool's worker starts for the deployment writes the same rows, in the currency of `job_variables`."""
    run = start_run(deployed(HERE).id)
    work_once("shop")
    assert (read_run(run.id).state.name, table()) == ("Completed", [(shop, cents, "EUR") for shop, cents, _ in ROWS])
