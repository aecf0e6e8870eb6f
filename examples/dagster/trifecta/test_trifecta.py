"""The platform's promises: connected, idempotent by day, gated, resumable, one writer, another warehouse by configuration."""

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import jinja2
import pytest
import sqlglot
import yaml
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context
from run_assets import rerun_from_failure, run_job
from schedule_ticks import evaluate_schedule

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow
RAW, STAGED = dg.AssetKey(["raw_shop", "orders"]), dg.AssetKey(["marts", "stg_orders"])
REVENUE, CRM = dg.AssetKey(["marts", "daily_revenue"]), dg.AssetKey(["crm", "daily_revenue"])
LOAD, GATE, BUILD, SEND = "load_shop", "raw_shop__orders_orders_arrived", "build_marts", "crm__daily_revenue"


@dataclass
class Outside:
    """The shop's API and the CRM on one loopback server; `asked` counts reads, `sent` holds what the CRM got."""

    orders: list[dict[str, Any]] = field(default_factory=lambda: json.loads((HERE / "api" / "orders.json").read_text()))
    sent: dict[str, float] = field(default_factory=dict)
    asked: int = 0
    api_status: int = 200
    crm_status: int = 200


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    world = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            world.asked += 1
            found = [row for row in world.orders if query["from"][0] <= row["ordered_at"][:10] < query["to"][0]]
            self.answer(world.api_status, json.dumps(found).encode())

        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if world.crm_status == 200:
                world.sent[self.path.rsplit("-", 1)[-1]] = body["revenue"]
            self.answer(world.crm_status, b"")

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        for variable in ("SHOP_API", "SHOP_CRM"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield world
        server.shutdown()


def load_platform(patch: pytest.MonkeyPatch, folder: Path, target: Path) -> ModuleType:
    """`definitions.py` imported afresh, with all it writes below `folder` and dbt's manifest in `target`."""
    patch.chdir(folder)
    patch.syspath_prepend(HERE)
    patch.setenv("DBT_TARGET_PATH", str(target))
    patch.setenv("DLT_DATA_DIR", str(folder / "dlt_data"))
    for name in [name for name in sys.modules if name.startswith("shop_platform")]:
        patch.delitem(sys.modules, name)
    patch.setenv("PATH", "/usr/bin:/bin")  # no activated environment
    patch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "shop_data.duckdb"))
    spec = spec_from_file_location("trifecta_definitions", HERE / "definitions.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt's manifest, built once as an image build does."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        load_platform(patch, folder, folder / "target")
    return folder / "target"


@pytest.fixture
def platform(outside: Outside, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load_platform(monkeypatch, tmp_path, target)


def marts() -> dict[str, float]:
    with duckdb.connect("shop_data.duckdb", read_only=True) as database:
        rows = database.sql("SELECT day, revenue FROM marts.daily_revenue ORDER BY day").fetchall()
    return {f"{day:%d}": float(amount) for day, amount in rows}


def test_lineage_is_connected_from_api_to_crm(platform: ModuleType) -> None:
    """One chain of four assets; every asset of it has an owner, and none is an external stub."""
    graph = platform.defs.resolve_asset_graph()
    assert [graph.get(key).parent_keys for key in (RAW, STAGED, REVENUE, CRM)] == [set(), {RAW}, {STAGED}, {REVENUE}]
    assert graph.get_all_asset_keys() == graph.materializable_asset_keys == {RAW, STAGED, REVENUE, CRM}
    assert all(graph.get(key).owners for key in graph.get_all_asset_keys())


def test_default_keys_connect_nothing(platform: ModuleType) -> None:
    """Silent: with dagster-dlt's default translator dbt's source is an external asset that no load makes."""
    ingestion = sys.modules["shop_platform.ingestion"]
    load = ingestion.dlt_assets(dlt_source=ingestion.shop_source("", ""), dlt_pipeline=ingestion.pipeline, name="load")(
        lambda context: None
    )
    graph = dg.Definitions([load, platform.build_marts], resources={"dbt": platform.dbt}).resolve_asset_graph()
    stub = dg.AssetKey("shop_orders")
    assert (graph.external_asset_keys, graph.get(STAGED).parent_keys) == ({RAW, stub}, {RAW})


def test_a_backfill_is_one_run_and_a_reloaded_day_replaces_itself(
    platform: ModuleType, outside: Outside, instance: dg.DagsterInstance
) -> None:
    """Three days in one run; then one day that lost an order; then the CRM is down and only its step runs again."""
    backfill = run_job(platform.defs, "daily", instance, partition=("2026-01-01", "2026-01-03"))
    assert backfill.steps == {LOAD: "success", GATE: "success", BUILD: "success", SEND: "success"}
    assert {key: len(days) for key, days in backfill.partitions.items()} == {
        key.to_user_string(): 3 for key in (RAW, STAGED, REVENUE, CRM)
    }
    assert backfill.checks["marts/daily_revenue:every_paid_order_is_counted"].passed
    assert (outside.asked, marts(), outside.sent) == (1, *[{"01": 58.0, "02": 42.5, "03": 78.0}] * 2)

    outside.orders = [row for row in outside.orders if row["order_id"] != 1001]
    outside.crm_status = 503
    failed = run_job(platform.defs, "daily", instance, partition="2026-01-01")
    assert (failed.steps[BUILD], failed.steps[SEND], outside.sent["01"]) == ("success", "failure", 58.0)
    outside.crm_status = 200
    mended = rerun_from_failure(platform.defs, failed, instance)
    assert (mended.status, mended.steps, outside.asked) == ("SUCCESS", {SEND: "success"}, 2)
    assert (marts(), outside.sent) == ({"01": 39.0, "02": 42.5, "03": 78.0},) * 2


def test_a_failed_load_stops_the_models_and_resumes(platform: ModuleType, outside: Outside, instance: dg.DagsterInstance) -> None:
    """The API refuses: nothing after the load starts. Re-executed from failure, all of it runs, for the same day."""
    outside.api_status = 400
    failed = run_job(platform.defs, "daily", instance, partition="2026-01-02")
    after = ("not started",) * 3
    assert (failed.steps[LOAD], *(failed.steps[step] for step in (GATE, BUILD, SEND))) == ("failure", *after)
    outside.api_status = 200
    mended = rerun_from_failure(platform.defs, failed, instance)
    assert (mended.status, len(mended.steps), mended.partitions["crm/daily_revenue"]) == ("SUCCESS", 4, ["2026-01-02"])


def stand_in(platform: ModuleType, settings: DagsterDbtTranslatorSettings) -> dg.Definitions:
    """The platform with models that only say they ran: what is asked here is whether they start."""
    transformation = sys.modules["shop_platform.transformation"]

    @dbt_assets(
        manifest=transformation.project.manifest_path,
        dagster_dbt_translator=DagsterDbtTranslator(settings),
        partitions_def=transformation.DAYS,
        name=BUILD,
    )
    def models(context: dg.AssetExecutionContext):
        for key in (STAGED, REVENUE):
            yield dg.MaterializeResult(asset_key=key)
        for key in context.op_execution_context.selected_asset_check_keys:
            yield dg.AssetCheckResult(asset_key=key.asset_key, check_name=key.name, passed=True)

    return dg.Definitions(
        assets=[platform.load_shop, models],
        asset_checks=[platform.orders_arrived],
        jobs=[dg.define_asset_job("daily")],
        resources=platform.defs.resources,
    )


@pytest.mark.parametrize(("source_tests_as_checks", "models"), [(False, "not started"), (True, "success")])
def test_the_gate_holds_unless_dbt_checks_the_source_itself(
    platform: ModuleType, outside: Outside, instance: dg.DagsterInstance, source_tests_as_checks: bool, models: str
) -> None:
    """An empty answer fails the blocking check. Silent: enable_source_tests_as_checks lets the models start all the same."""
    outside.orders = []
    settings = DagsterDbtTranslatorSettings(enable_source_tests_as_checks=source_tests_as_checks)
    run = run_job(stand_in(platform, settings), "daily", instance, partition="2026-01-01")
    assert (run.steps[LOAD], run.checks["raw_shop/orders:orders_arrived"].passed) == ("success", False)
    assert (run.steps[GATE], run.steps[BUILD], run.errors.get(BUILD)) == ("failure", models, None)


def test_the_schedule_takes_the_day_that_ended(platform: ModuleType) -> None:
    """At six in Berlin, summer or winter, yesterday is loaded."""
    ticks = [datetime(2026, month, 4, 6, tzinfo=ZoneInfo("Europe/Berlin")) for month in (1, 7)]
    assert [evaluate_schedule(platform.defs, "at_six", tick).partitions for tick in ticks] == [["2026-01-03"], ["2026-07-03"]]


def test_every_step_that_opens_the_file_is_in_the_pool_of_one(platform: ModuleType, tmp_path: Path) -> None:
    """DuckDB takes one writing process: all four steps share a pool, and the instance gives it one slot."""
    job = platform.defs.resolve_job_def("daily")
    assert {node.name: node.definition.pool for node in job.nodes} == dict.fromkeys((LOAD, GATE, BUILD, SEND), "duckdb")
    shutil.copy(HERE / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as configured:
        pools = configured.get_concurrency_config().pool_config
        freed = configured.get_settings("run_monitoring")["free_slots_after_run_end_seconds"]
    assert (pools.default_pool_limit, pools.pool_granularity.value, freed) == (1, "op", 60)


def test_snowflake_is_a_matter_of_variables(
    target: Path, outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same graph; dlt and dbt both get the account, and no pool. Nothing connects: no account exists offline."""
    prefix = "DESTINATION__SNOWFLAKE__CREDENTIALS__"
    key = tmp_path / "loader.p8"
    key.write_text("not a real key")
    login = {"HOST": "acme-shop", "USERNAME": "loader", "PRIVATE_KEY_PATH": str(key), "DATABASE": "analytics"}
    for name, value in login.items():
        monkeypatch.setenv(prefix + name, value)
    monkeypatch.setenv("SHOP_WAREHOUSE", "snowflake")
    platform = load_platform(monkeypatch, tmp_path, target)
    dg.Definitions.validate_loadable(platform.defs)
    graph = platform.defs.resolve_asset_graph()
    assert [graph.get(key).parent_keys for key in (STAGED, REVENUE, CRM)] == [{RAW}, {STAGED}, {REVENUE}]
    assert {node.definition.pool for node in platform.defs.resolve_job_def("daily").nodes} == {None}

    account = sys.modules["shop_platform.ingestion"].pipeline.destination_client().config.credentials
    assert [account.host, account.username, account.private_key_path, account.database] == list(login.values())
    set_invocation_context(os.environ)
    profile = yaml.safe_load((HERE / "transform" / "profiles.yml").read_text())
    target_account = ProfileRenderer({}).render_data(profile)["shop_platform"]["outputs"][platform.dbt.target]
    assert [target_account[name] for name in ("account", "user", "private_key_path", "database")] == list(login.values())


def test_the_models_are_sql_that_snowflake_reads(target: Path) -> None:
    """Every model's SQL, with its references filled in, parses in Snowflake's dialect."""
    manifest = json.loads((target / "manifest.json").read_text())
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    filled_in = {
        "config": lambda **settings: "",
        "source": lambda schema, table: f"{schema}.{table}",
        "ref": lambda model: f"marts.{model}",
        "var": lambda name, default: default,
    }
    for model in models:
        sqlglot.parse_one(jinja2.Template(model["raw_code"]).render(filled_in), read="snowflake")
    assert len(models) == 2
