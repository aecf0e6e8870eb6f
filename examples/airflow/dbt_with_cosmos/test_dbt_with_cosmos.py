"""A failed dbt test stops the models that read what it tested; only what failed runs again."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import pytest
from airflow.dag_processing.dagbag import DagBag
from dag_integrity import find_problems
from run_dag import load_dag, rerun, run_dag

os.environ["AIRFLOW__COSMOS__ENABLE_TELEMETRY"] = "False"  # read while Cosmos is imported, here before dag.py could set it
from cosmos import DbtDag, RenderConfig
from cosmos.config import CosmosConfigException
from cosmos.constants import LoadMode, TestBehavior
from cosmos.dbt.graph import CosmosLoadDbtException
from cosmos.exceptions import CosmosValueError

HERE = Path(__file__).parent
RELATIONSHIP = "relationships_stg_orders_product_id__product_id__ref_stg_products__test"
pytestmark = pytest.mark.slow


def load_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shop_models_file", HERE / "dag.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the manifest, made once, as the build of an image does it."""
    folder = tmp_path_factory.mktemp("target")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_TARGET_PATH", str(folder))
        load_module()
    return folder


@pytest.fixture
def shop(target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The DAG file's module over a database and landed files of this test's own; no `dbt` on PATH."""
    shutil.copytree(HERE / "dbt_shop" / "landing", tmp_path / "landing")
    values = {"DBT_TARGET_PATH": target, "SHOP_DATABASE": tmp_path / "shop_data.duckdb", "SHOP_LANDING": tmp_path / "landing"}
    for name, value in values.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return load_module()


def task_ids(shop: ModuleType, **render: object) -> list[str]:
    config = RenderConfig(**{"load_method": LoadMode.DBT_MANIFEST} | render)
    return sorted(task.task_id for task in DbtDag(dag_id="variant", render_config=config, **shop.SHARED).tasks)


def revenue() -> dict[str, float]:
    with duckdb.connect(os.environ["SHOP_DATABASE"]) as connection:
        rows = connection.sql("SELECT day, revenue FROM main_marts.daily_revenue ORDER BY day").fetchall()
    return {f"{day:%d}": float(amount) for day, amount in rows}


def test_a_failed_test_stops_what_follows_and_only_that_runs_again(
    shop: ModuleType, metadata_database: Path, dag_file: Path, tmp_path: Path
) -> None:
    """A file that landed twice fails the source's test; with it gone, a clear of what failed repeats no other model."""
    shutil.copy(tmp_path / "landing" / "orders_2026-01-01.csv", tmp_path / "landing" / "orders_again.csv")
    broken = run_dag(dag_file)
    assert "unique_raw_shop_orders_order_id" in broken.observed.errors["raw_shop_orders.test"]
    stopped = {name.split(".")[0] for name, state in broken.task_states.items() if state == "upstream_failed"}
    assert stopped == {"stg_orders", "order_values", "daily_revenue", RELATIONSHIP}
    (tmp_path / "landing" / "orders_again.csv").unlink()
    mended = rerun(dag_file, broken.run_id, only_failed=True)
    assert (mended.state, revenue()) == ("success", {"01": 58.0, "02": 52.0, "03": 95.0})
    assert [mended.tries[name] for name in ("products.seed", "stg_products.run", "raw_shop_orders.test")] == [1, 1, 2]
    emitted = {event.asset.rpartition("/")[2] for event in mended.asset_events}
    assert emitted == {"stg_products", "stg_orders", "order_values", "daily_revenue"}  # the seed emits no event


def test_a_test_of_two_models_fails_where_only_one_is_there(
    shop: ModuleType, metadata_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not detached, it belongs to both: the first of the two runs it before the other exists. The connection is Airflow's."""
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "duckdb", "host": os.environ["SHOP_DATABASE"]}))
    variant = tmp_path / "variant.py"
    variant.write_text(
        (HERE / "dag.py")
        .read_text()
        .replace("Path(__file__).parent", f"Path({str(HERE)!r})")
        .replace("should_detach_multiple_parents_tests=True", 'select=["tag:staging", "products"]')
        .replace('profiles_yml_filepath=PROJECT / "profiles.yml"', "profile_mapping=DuckDBUserPasswordProfileMapping('shop')")
        .replace("\nPROJECT =", "\nfrom cosmos.profiles import DuckDBUserPasswordProfileMapping\nPROJECT =")
    )
    errors = run_dag(variant).observed.errors
    assert list(errors) == ["stg_orders.test"]
    assert "Table with name stg_products does not exist" in errors["stg_orders.test"]
    with duckdb.connect(os.environ["SHOP_DATABASE"]) as connection:
        assert connection.sql("SELECT count(*) > 0 FROM main_staging.stg_orders").fetchall() == [(True,)]


def test_the_graph_follows_ref_and_one_dbt_runs_at_a_time(shop: ModuleType, dag_file: Path) -> None:
    """A model waits for the tests of its parents, source included; nothing waits for a detached test."""
    dag = load_dag(dag_file)
    assert dag.get_task("stg_orders.run").upstream_task_ids == {"raw_shop_orders.test"}
    assert dag.get_task("order_values.run").upstream_task_ids == {"stg_orders.test", "stg_products.test"}
    assert dag.get_task(RELATIONSHIP).downstream_task_ids == set()
    assert (dag.max_active_tasks, dag.max_active_runs, find_problems(dag_file)) == (1, 1, [])


def test_what_each_test_behavior_draws(shop: ModuleType) -> None:
    """One test task at the end, none, or one inside each model's task; BUILD has no test task at all."""
    models = ["daily_revenue_run", "order_values_run", "products_seed", "stg_orders_run", "stg_products_run"]
    assert task_ids(shop, test_behavior=TestBehavior.NONE) == models
    assert task_ids(shop, test_behavior=TestBehavior.AFTER_ALL) == sorted([*models, "dbt_shop_test"])
    assert task_ids(shop, test_behavior=TestBehavior.BUILD)[0] == "daily_revenue_model_build"
    assert len(task_ids(shop)) == 10  # a group per model, .run and .test


def test_what_is_silently_not_there(shop: ModuleType, target: Path, tmp_path: Path) -> None:
    """Tests of sources by default, a model newer than the manifest, and whatever a misspelled selection means."""
    assert [name for name in task_ids(shop) if "raw_shop" in name] == []
    assert task_ids(shop, select=["tag:stagin"]) == []
    assert task_ids(shop, exclude=["tag:stagin"]) == task_ids(shop)
    manifest = json.loads((target / "manifest.json").read_text())
    del manifest["nodes"]["model.dbt_shop.daily_revenue"]
    (tmp_path / "old.json").write_text(json.dumps(manifest))
    project = shop.ProjectConfig(shop.PROJECT, manifest_path=tmp_path / "old.json")
    shop.SHARED["project_config"] = project
    assert [name for name in task_ids(shop) if "daily_revenue" in name] == []


def test_a_manifest_cannot_answer_state_and_dbt_ls_needs_dbt_on_path(shop: ModuleType) -> None:
    """Cosmos's own selector reads the manifest and knows few methods; `dbt ls` starts dbt while the file is parsed."""
    with pytest.raises(CosmosValueError, match="Invalid select filter: state:modified"):
        task_ids(shop, select=["state:modified"])
    with pytest.raises(CosmosConfigException, match="Unable to find the dbt executable"):
        task_ids(shop, load_method=LoadMode.DBT_LS)


def test_parsing_with_a_manifest_starts_no_dbt(shop: ModuleType, target: Path) -> None:
    """The second parse reads the manifest that is there, and opens no database."""
    before = (target / "manifest.json").stat().st_mtime_ns
    load_module()
    assert (target / "manifest.json").stat().st_mtime_ns == before
    assert not Path(os.environ["SHOP_DATABASE"]).exists()


COSMOS_ONLY = """
from cosmos import DbtDag, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import LoadMode

cosmos_only = DbtDag(
    dag_id="cosmos_only",
    project_config=ProjectConfig(PROJECT, manifest_path=MANIFEST, install_dbt_deps=False),
    profile_config=ProfileConfig("dbt_shop", "dev", profiles_yml_filepath=PROJECT + "/profiles.yml"),
    render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST),
)
"""


@pytest.mark.parametrize(("first_line", "dags"), [("", []), ("# for airflow", ["cosmos_only"])])
def test_trap_a_file_without_the_word_airflow_is_not_read(
    shop: ModuleType, target: Path, tmp_path: Path, first_line: str, dags: list[str]
) -> None:
    """No DAG and no error; a comment with the word is enough."""
    file = tmp_path / "cosmos_only.py"
    places = (str(shop.PROJECT), str(target / "manifest.json"))
    file.write_text(f"{first_line}\nPROJECT, MANIFEST = {places}\n{COSMOS_ONLY}")
    bag = DagBag(file)
    assert (bag.dag_ids, bag.import_errors) == (dags, {})


def test_what_is_asked_for_and_not_there_is_an_error(shop: ModuleType, tmp_path: Path) -> None:
    """A manifest or a YAML selector; and without a manifest the default is `dbt ls`, which wants dbt on PATH."""
    with pytest.raises(CosmosLoadDbtException, match="Selectors not found"):
        task_ids(shop, selector="nightly")
    shop.SHARED["project_config"] = shop.ProjectConfig(shop.PROJECT, manifest_path=tmp_path / "nowhere.json")
    with pytest.raises(CosmosValueError, match=r"nowhere\.json"):
        task_ids(shop)
    shop.SHARED["project_config"] = shop.ProjectConfig(shop.PROJECT)
    with pytest.raises(CosmosConfigException, match="Unable to find the dbt executable"):
        DbtDag(dag_id="automatic", **shop.SHARED)


def test_what_cosmos_will_remove_warns_today(shop: ModuleType) -> None:
    """`ProjectConfig` has both: `env_vars`, `install_dbt_deps`."""
    with pytest.warns(DeprecationWarning, match=r"Use ProjectConfig\.env_vars instead"):
        RenderConfig(env_vars={"SHOP_DATABASE": "shop.duckdb"})
    with pytest.warns(DeprecationWarning, match=r"Use ProjectConfig\.install_dbt_deps instead"):
        RenderConfig(dbt_deps=False)
    with pytest.warns(DeprecationWarning, match=r"Use `ProjectConfig\.install_dbt_deps` instead"):
        DbtDag(
            dag_id="old_argument",
            operator_args={"install_deps": False},
            render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST),
            **shop.SHARED,
        )


def test_trap_a_relative_database_ends_in_the_copy_that_dbt_runs_in(
    shop: ModuleType, metadata_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seed is loaded, the task is green, and the file is gone with the temporary folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_DATABASE", "relative.duckdb")
    for name, absolute in (("lost", ""), ("kept", ".absolute()")):
        file = tmp_path / f"{name}.py"
        source = (HERE / "dag.py").read_text().replace("Path(__file__).parent", f"Path({str(HERE)!r})")
        source = source.replace('"shop_data.duckdb")).absolute()', f'"shop_data.duckdb")){absolute}')
        source = source.replace("TestBehavior.AFTER_EACH", "TestBehavior.NONE")
        file.write_text(source.replace("should_detach_multiple_parents_tests=True", 'select=["resource_type:seed"]'))
        assert run_dag(file).task_states == {"products_seed": "success"}
        assert Path("relative.duckdb").exists() is bool(absolute)


@pytest.mark.parametrize(("set_first", "reports"), [(False, "True"), (True, "False")])
def test_trap_reports_of_usage_are_switched_off_before_the_import_only(set_first: bool, reports: str) -> None:
    """Each DAG file that imports Cosmos must have it above the import, or the deployment sets it for every process."""
    switch = "os.environ['AIRFLOW__COSMOS__ENABLE_TELEMETRY'] = 'False'"
    lines = [switch, "import cosmos.settings"] if set_first else ["import cosmos.settings", switch]
    code = "; ".join(["import os", *lines, "print('REPORTS', cosmos.settings.enable_telemetry)"])
    inherited = {name: value for name, value in os.environ.items() if "COSMOS" not in name}
    told = subprocess.run([sys.executable, "-c", code], env=inherited, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == f"REPORTS {reports}"
