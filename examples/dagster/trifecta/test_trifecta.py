"""The platform's promises: connected, idempotent by day, gated, resumable, one writer, another warehouse by configuration."""

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import jinja2
import pytest
import sqlglot
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context
from google.oauth2.service_account import Credentials
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


LOGINS = {  # dlt's name of each part of the login, and the name in dbt's profile
    "snowflake": {
        "host": "account",
        "username": "user",
        "private_key_path": "private_key_path",
        "database": "database",
        "warehouse": "warehouse",
        "role": "role",
    },
    "bigquery": {"project_id": "project", "private_key": "private_key", "client_email": "client_email"},
}
NUMERIC = {"snowflake": "numeric(28,6)", "bigquery": "numeric"}  # what each adapter's `type_numeric` says


@pytest.fixture(scope="module")
def private_key() -> str:
    """A key pair's private half as a key file has it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def log_in(private_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, str]]:
    """Sets the variables of one warehouse, and answers the login that they make."""

    def set_variables(warehouse: str) -> dict[str, str]:
        key_file = tmp_path / "loader.p8"
        key_file.write_text(private_key)
        keys = {"private_key": private_key, "private_key_path": str(key_file)}
        login = {name: keys.get(name, f"shop-{name}") for name in LOGINS[warehouse]}
        for name, value in login.items():
            monkeypatch.setenv(f"DESTINATION__{warehouse}__CREDENTIALS__{name}".upper(), value)
        monkeypatch.setenv("SHOP_WAREHOUSE", warehouse)
        return login

    return set_variables


def dbt_output(platform: ModuleType) -> dict[str, Any]:
    """The output of profiles.yml that dbt takes, its variables filled in; a key file's parts beside the rest."""
    set_invocation_context(os.environ)
    profile = yaml.safe_load((HERE / "transform" / "profiles.yml").read_text())
    output = ProfileRenderer({}).render_data(profile)["shop_platform"]["outputs"][platform.dbt.target]
    return output.get("keyfile_json", {}) | output


def accounts(platform: ModuleType) -> tuple[Any, dict[str, Any]]:
    """What dlt and what dbt make of the variables."""
    return sys.modules["shop_platform.ingestion"].pipeline.destination_client().config, dbt_output(platform)


@pytest.mark.parametrize("warehouse", LOGINS)
def test_another_warehouse_is_a_matter_of_variables(
    warehouse: str, log_in: Callable, target: Path, outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same graph; dlt and dbt both get the login, and no pool. Nothing connects: no account exists offline."""
    login = log_in(warehouse)
    platform = load_platform(monkeypatch, tmp_path, target)
    dg.Definitions.validate_loadable(platform.defs)
    graph = platform.defs.resolve_asset_graph()
    assert [graph.get(key).parent_keys for key in (STAGED, REVENUE, CRM)] == [{RAW}, {STAGED}, {REVENUE}]
    assert {node.definition.pool for node in platform.defs.resolve_job_def("daily").nodes} == {None}

    account, output = accounts(platform)
    assert (account.destination_type, output["type"]) == (warehouse, warehouse)
    assert {name: getattr(account.credentials, name) for name in login} == login
    assert {name: output[in_dbt] for name, in_dbt in LOGINS[warehouse].items()} == login


def test_google_takes_the_key_and_both_tools_one_location(
    log_in: Callable, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's library signs with dlt's credentials and with dbt's. dbt finds only what lies in its own location."""
    login = log_in("bigquery")
    monkeypatch.setenv("DESTINATION__BIGQUERY__LOCATION", "EU")
    account, output = accounts(load_platform(monkeypatch, tmp_path, target))
    keys = (account.credentials.to_native_credentials(), Credentials.from_service_account_info(output["keyfile_json"]))
    assert [(key.project_id, key.service_account_email) for key in keys] == [(login["project_id"], login["client_email"])] * 2
    assert (account.location, output["location"]) == ("EU", "EU")


def test_trap_a_key_as_json_text_is_refused_at_the_first_connection(
    log_in: Callable, private_key: str, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable copied from the key file has backslash and n for each new line: all loads, and Google's library says no."""
    log_in("bigquery")
    variable = "DESTINATION__BIGQUERY__CREDENTIALS__PRIVATE_KEY"
    monkeypatch.setenv(variable, private_key.replace("\n", r"\n"))
    account, output = accounts(load_platform(monkeypatch, tmp_path, target))
    for connect in (
        account.credentials.to_native_credentials,
        lambda: Credentials.from_service_account_info(output["keyfile_json"]),
    ):
        with pytest.raises(ValueError, match="Unable to load PEM file"):
            connect()
    monkeypatch.setenv(variable, private_key.strip())  # `jq -r` in `$(...)`: no new line at the end
    account, _ = accounts(load_platform(monkeypatch, tmp_path, target))
    account.credentials.to_native_credentials()


def replace_by_day(warehouse: str) -> dict[str, Any]:
    """What the macro of that name gives to a model's config."""
    found: list[dict[str, Any]] = []
    macro = jinja2.Template((HERE / "transform" / "macros" / "replace_by_day.sql").read_text())
    macro.make_module({"return": found.append, "target": SimpleNamespace(type=warehouse)}).replace_by_day()
    return found[0]


def test_each_warehouse_replaces_a_day_in_a_way_it_has(target: Path) -> None:
    """dbt's manifest has what the macro says for DuckDB; dbt-bigquery has no delete+insert, and wants the partition's column."""
    profile = yaml.safe_load((HERE / "transform" / "profiles.yml").read_text())
    ways = {warehouse: replace_by_day(warehouse) for warehouse in profile["shop_platform"]["outputs"]}
    model = json.loads((target / "manifest.json").read_text())["nodes"]["model.transform.daily_revenue"]["config"]
    assert {name: model[name] for name in ways["duckdb"]} == ways["duckdb"]
    assert {warehouse: way["incremental_strategy"] for warehouse, way in ways.items()} == {
        "duckdb": "delete+insert",
        "snowflake": "delete+insert",
        "bigquery": "insert_overwrite",
    }
    assert (ways["duckdb"]["unique_key"], ways["bigquery"]["partition_by"]["field"]) == ("day", "day")


@pytest.mark.parametrize("warehouse", LOGINS)
def test_the_sql_means_the_same_to_other_warehouses(warehouse: str, target: Path) -> None:
    """sqlglot translates each SQL file from DuckDB into itself; no cast for BigQuery has a precision (its documentation)."""
    manifest = json.loads((target / "manifest.json").read_text())
    files = [node for node in manifest["nodes"].values() if node["original_file_path"].endswith(".sql")]
    filled_in = {
        "config": lambda **settings: "",
        "replace_by_day": dict,
        "source": lambda schema, table: f"{schema}.{table}",
        "ref": lambda model: f"marts.{model}",
        "var": lambda name, default: default,
        "dbt": SimpleNamespace(type_numeric=lambda: NUMERIC[warehouse]),
    }
    queries = [jinja2.Template(file["raw_code"]).render(filled_in) for file in files]
    translated = [sqlglot.transpile(query, read="duckdb", write=warehouse)[0].lower() for query in queries]
    assert [sqlglot.transpile(query, read=warehouse, write=warehouse)[0].lower() for query in queries] == translated
    casts = [cast.to for query in queries for cast in sqlglot.parse_one(query, read=warehouse).find_all(sqlglot.exp.Cast)]
    assert (len(queries), len(casts)) == (3, 10)
    assert warehouse != "bigquery" or [kind for kind in casts if kind.expressions] == []
