"""A run keeps the commit it began with, cleared or not; a folder on disk keeps nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import live_airflow
import pytest
from airflow import settings
from airflow.api_fastapi.common.dagbag import resolve_run_on_latest_version
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.executors.workloads import ExecuteTask
from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow_processes import environment_for
from dag_files import load_dag
from live_airflow import running_airflow
from run_dag import create_run
from sqlalchemy import func, select

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git: install Debian's package `git`; .ci/run does")
HERE = Path(__file__).parent
INVOICE = "dag_bundles_invoice"
Configure = Callable[[list[dict]], None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, metadata_database: Path, tmp_path: Path) -> Configure:
    """Make these all the bundles that Airflow has, with their checkouts below the test's folder."""

    def configure(bundles: list[dict]) -> None:
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "checkouts"))
        monkeypatch.setenv("AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL", "0")
        DagBundlesManager().sync_bundles_to_db()

    return configure


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A real repository with the DAG in its folder dags."""
    folder = tmp_path / "repository"
    (folder / "dags").mkdir(parents=True)
    shutil.copy(HERE / "dag.py", folder / "dags")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, "The first price")
    return folder


def git(folder: Path, *words: str) -> str:
    """What git says."""
    identity = ["-c", "user.name=shop", "-c", "user.email=shop@shop.example"]
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit everything; the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def change_price(folder: Path, dag_line: str = "@dag(") -> str:
    """Another price, and perhaps another argument of the DAG, in the next commit."""
    source = (folder / "dags" / "dag.py").read_text()
    (folder / "dags" / "dag.py").write_text(source.replace("CENTS = 100", "CENTS = 120").replace("@dag(", dag_line))
    return commit(folder, "The second price")


def process(name: str = "shop") -> None:
    """Read the bundle as the dag-processor does: refresh, parse, write what was found with its version."""
    bundle = DagBundlesManager().get_bundle(name)
    bundle.initialize()
    bundle.refresh()
    found = bundle.get_current_version()
    bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=name)
    sync_bag_to_db(bag, name, getattr(found, "version", found))


def price_of(run: DagRun) -> int:
    """What the task returns in the files that a worker is told to take: the executor's message names bundle and version."""
    (instance,) = settings.Session().merge(run).task_instances
    told = ExecuteTask.make(instance)
    bundle = DagBundlesManager().get_bundle(told.bundle_info.name, version=told.bundle_info.version)
    bundle.initialize()
    return load_dag(bundle.path / told.dag_rel_path).get_task("invoice").python_callable()


def clear(run: DagRun, on_latest: bool | None = None) -> DagRun:
    """End a run, then clear it as the API server does; it is queued again."""
    session = settings.Session()
    ended = session.merge(run)
    ended.state = DagRunState.FAILED
    for instance in ended.task_instances:
        instance.state = TaskInstanceState.FAILED
    session.commit()
    latest = resolve_run_on_latest_version(on_latest, INVOICE, session)
    SerializedDagModel.get(INVOICE).dag.clear(run_id=run.run_id, run_on_latest_version=latest, session=session)
    session.commit()
    return session.scalars(select(DagRun).where(DagRun.run_id == run.run_id)).one()


def git_bundle(repository: Path) -> list[dict]:
    """The settings beside this file, for a repository on disk."""
    return json.loads((HERE / "bundles.json").read_text().replace("REPOSITORY", str(repository)))


@pytest.mark.slow
def test_a_live_airflow_clears_a_run_to_its_own_commit(
    tmp_path: Path, metadata_template: Path, repository: Path, dag_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tests below say of workers, by a scheduler, its executor and the public API."""
    (bundle,) = git_bundle(repository)
    served = json.dumps([bundle | {"kwargs": bundle["kwargs"] | {"refresh_interval": 1}}])
    own = {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": served,
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(tmp_path / "checkouts"),
    }
    monkeypatch.setattr(live_airflow, "environment_for", lambda home, port: environment_for(home, port) | own)
    (tmp_path / "home").mkdir()
    with running_airflow(tmp_path / "home", metadata_template) as airflow:
        airflow.wait_until_parsed(INVOICE)
        before = airflow.trigger(INVOICE)
        airflow.wait_for_run(INVOICE, before)
        second = change_price(repository)
        airflow.wait(lambda: airflow.call("GET", f"dags/{INVOICE}/details")["bundle_version"] == second, lambda: "not read")
        after = airflow.trigger(INVOICE)
        airflow.wait_for_run(INVOICE, after)
        prices = [airflow.xcom(INVOICE, run, "invoice") for run in (before, after)]
        for latest in (False, True):
            airflow.call("POST", f"dags/{INVOICE}/dagRuns/{before}/clear", {"dry_run": False, "run_on_latest_version": latest})
            airflow.wait_for_run(INVOICE, before)
            prices.append(airflow.xcom(INVOICE, before, "invoice"))
    assert prices == [300, 360, 300, 360]


def test_each_run_takes_the_commit_it_began_with(configure: Configure, repository: Path) -> None:
    """A commit between two runs changes the second only."""
    first = git(repository, "rev-parse", "HEAD")
    configure(git_bundle(repository))
    process()
    before = create_run(INVOICE)
    second = change_price(repository)
    process()
    after = create_run(INVOICE)
    assert [before.bundle_version, after.bundle_version] == [first, second]
    assert [price_of(before), price_of(after)] == [300, 360]


def test_a_cleared_run_stays_on_its_commit_unless_the_latest_is_asked_for(configure: Configure, repository: Path) -> None:
    """So a mended DAG does not reach a failed run by clearing alone."""
    configure(git_bundle(repository))
    process()
    run = create_run(INVOICE)
    change_price(repository)
    process()
    assert price_of(clear(run)) == 300
    assert price_of(clear(run, on_latest=True)) == 360


@pytest.mark.parametrize("setting", ["the DAG's", "the configuration's"])
def test_a_clear_takes_the_latest_where_that_is_set(
    configure: Configure, repository: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """`rerun_with_latest_version` of the DAG, else of `[core]`; the DAG's is read from its latest version."""
    configure(git_bundle(repository))
    process()
    run = create_run(INVOICE)
    if setting == "the DAG's":
        change_price(repository, "@dag(rerun_with_latest_version=True, ")
    else:
        monkeypatch.setenv("AIRFLOW__CORE__RERUN_WITH_LATEST_VERSION", "True")
        change_price(repository)
    process()
    assert price_of(clear(run)) == 360


def test_a_dag_may_refuse_to_be_tied_to_a_commit(configure: Configure, repository: Path) -> None:
    """`disable_bundle_versioning`: each try takes what the branch has."""
    change_price(repository, "@dag(disable_bundle_versioning=True, ")
    configure(git_bundle(repository))
    process()
    assert create_run(INVOICE).bundle_version is None


def test_trap_a_folder_has_versions_of_the_dag_and_none_of_the_code(configure: Configure, repository: Path) -> None:
    """The history shows two versions; the first run, cleared, runs the second's code."""
    local = {"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(repository / "dags")}}
    configure([{"name": "shop"} | local])
    process()
    run = create_run(INVOICE)
    source = (repository / "dags" / "dag.py").read_text()
    (repository / "dags" / "dag.py").write_text(
        source.replace("CENTS = 100", "CENTS = 120").replace("@task\n", "@task(retries=1)\n")
    )
    process()
    versions = settings.Session().scalar(select(func.count()).select_from(DagVersion).where(DagVersion.dag_id == INVOICE))
    assert (versions, run.bundle_version, price_of(clear(run))) == (2, None, 360)


def test_trap_what_is_not_committed_does_not_exist(configure: Configure, repository: Path) -> None:
    """A file half written in the repository's own folder stops nothing: the bundle reads its clone."""
    configure(git_bundle(repository))
    (repository / "dags" / "dag.py").write_text("raise ValueError('half written')\n")
    process()
    assert price_of(create_run(INVOICE)) == 300


def test_a_branch_that_is_not_there_is_an_error_of_the_bundle(configure: Configure, repository: Path) -> None:
    """Said when the dag-processor opens it, not when a run starts."""
    (bundle,) = git_bundle(repository)
    configure([bundle | {"kwargs": bundle["kwargs"] | {"tracking_ref": "production"}}])
    with pytest.raises(Exception, match="production"):
        process()


def test_trap_another_address_under_the_same_name_serves_the_old_repository(
    configure: Configure, repository: Path, tmp_path: Path
) -> None:
    """The clone on the host keeps where it came from; another name, or an empty folder of clones, takes the new one."""
    configure(git_bundle(repository))
    process()
    moved = tmp_path / "moved"
    shutil.copytree(repository, moved)
    second = change_price(moved)
    (bundle,) = git_bundle(moved)
    configure([bundle])
    process()
    assert price_of(create_run(INVOICE)) == 300
    configure([bundle | {"name": "shop_moved"}])
    process("shop_moved")
    assert create_run(INVOICE).bundle_version == second


def test_trap_without_its_connection_the_bundle_says_so_and_goes_on(
    configure: Configure, repository: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`git_conn_id` is null here: a traceback about `git_default` in the log of a bundle that works."""
    configure(git_bundle(repository))
    process()
    told = "".join(capfd.readouterr())
    assert "The conn_id `git_default` isn't defined" in told
    assert create_run(INVOICE).bundle_version == git(repository, "rev-parse", "HEAD")
