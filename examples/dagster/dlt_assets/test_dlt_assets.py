"""Against a real API on loopback: only news is asked for, nothing is loaded twice, bad rows and new columns show."""

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import duckdb
import pytest
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from finished_run import FinishedRun
from run_assets import run_assets

pytestmark = pytest.mark.slow
ORDERS, FIRST = "raw_shop/orders", "2026-01-01T00:00:00Z"


@dataclass
class ShopApi:
    """`/orders` with `updated_since` and pages of two rows, `/customers`; `asked` are the moments asked for."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    broken_page: int | None = None
    url: str = ""

    def change(self, order_id: int, day: int, **columns: Any) -> None:
        """Order `order_id` as it looks since that day of January."""
        kept = [order for order in self.orders if order["order_id"] != order_id]
        row = {"order_id": order_id, "customer_id": 1, "quantity": 1, "price": "9.50"}
        self.orders = [*kept, {**row, "updated_at": f"2026-01-{day:02}T12:00:00Z", **columns}]

    def answer(self, path: str, query: dict[str, list[str]]) -> dict[str, Any] | None:
        if path != "/orders":
            return {"data": [{"customer_id": 1, "name": "Ana", "tags": ["b2b"]}], "next": None}
        since, page = query["updated_since"][0], int(query.get("page", ["1"])[0])
        self.asked += [since] if page == 1 else []
        found = sorted((row for row in self.orders if row["updated_at"] >= since), key=lambda row: row["updated_at"])
        following = f"{self.url}/orders?updated_since={since}&page={page + 1}" if len(found) > 2 * page else None
        return None if page == self.broken_page else {"data": found[2 * page - 2 : 2 * page], "next": following}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopApi]:
    served = ShopApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            body = served.answer(address.path, parse_qs(address.query))
            self.send_response(400 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("SHOP_API", served.url)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield served
        server.shutdown()


@pytest.fixture
def example(api: ShopApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The definitions, with database and working folder in this test's own folder."""
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop_data.duckdb"))
    monkeypatch.setenv("SHOP_DLT_DIR", str(tmp_path / "dlt_pipelines"))
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt_data"))
    spec = spec_from_file_location("shop_api_definitions", Path(__file__).with_name("definitions.py"))
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dlt looks up the module of a source
    spec.loader.exec_module(module)
    return module


def load(example: ModuleType, instance: dg.DagsterInstance) -> FinishedRun:
    return run_assets(example.defs, instance)


def loaded(columns: str = "order_id, quantity") -> list[tuple[Any, ...]]:
    with duckdb.connect(str(Path.cwd() / "shop_data.duckdb"), read_only=True) as database:
        return database.sql(f"SELECT {columns} FROM raw_shop.orders ORDER BY order_id").fetchall()


@pytest.fixture(autouse=True)
def _in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_run_asks_only_for_what_changed(example: ModuleType, api: ShopApi, instance: dg.DagsterInstance) -> None:
    """Three runs over pages: all, what changed since, nothing; a changed order replaces itself."""
    for number in (1, 2, 3):
        api.change(number, day=number)
    first = load(example, instance)
    api.change(2, day=5, quantity=7)
    second, third = load(example, instance), load(example, instance)
    assert (first.status, second.status, third.status) == ("SUCCESS", "SUCCESS", "SUCCESS")
    assert [moment[:10] for moment in api.asked] == ["2026-01-01", "2026-01-03", "2026-01-05"]
    assert loaded() == [(1, 1), (2, 7), (3, 1)]
    assert [run.metadata[ORDERS].get("rows_loaded", 0) for run in (first, second, third)] == [3, 1, 0]


def test_the_cursor_lives_with_the_data(example: ModuleType, api: ShopApi, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A new container without the working folder goes on where the last run ended; a new database starts over."""
    api.change(1, day=4)
    load(example, instance)
    shutil.rmtree(tmp_path / "dlt_pipelines")
    load(example, instance)
    shutil.rmtree(tmp_path / "dlt_pipelines")
    (tmp_path / "shop_data.duckdb").unlink()
    load(example, instance)
    assert [moment[:10] for moment in api.asked] == ["2026-01-01", "2026-01-04", "2026-01-01"]


def test_a_failed_page_loads_nothing_and_moves_no_cursor(example: ModuleType, api: ShopApi, instance: dg.DagsterInstance) -> None:
    """The next run asks for the same moment again and gets every row."""
    for number in (1, 2, 3):
        api.change(number, day=number)
    api.broken_page = 2
    failed = load(example, instance)
    api.broken_page = None
    mended = load(example, instance)
    assert (failed.steps["shop_api"], failed.metadata, mended.status) == ("failure", {}, "SUCCESS")
    assert (api.asked, len(loaded())) == ([FIRST, FIRST], 3)


def test_a_new_column_is_loaded_and_reported(example: ModuleType, api: ShopApi, instance: dg.DagsterInstance) -> None:
    """The schema of each load is recorded; the check compares it with the one before, and warns."""
    api.change(1, day=1)
    load(example, instance)
    api.change(2, day=2, channel="web")
    check = load(example, instance).checks[f"{ORDERS}:column_schema_change"]
    assert (check.passed, check.severity, loaded("order_id, channel")) == (False, "WARN", [(1, None), (2, "web")])


def test_a_bad_row_is_dropped_counted_and_not_asked_for_again(
    example: ModuleType, api: ShopApi, instance: dg.DagsterInstance
) -> None:
    """Silent in dlt: the row with a word for a number is gone, and the cursor has passed it."""
    api.change(1, day=1)
    api.change(2, day=2, quantity="many")
    run = load(example, instance)
    check = run.checks[f"{ORDERS}:no_row_was_discarded"]
    assert (run.status, check.passed, check.metadata, loaded()) == ("SUCCESS", False, {"rows": 1}, [(1, 1)])
    load(example, instance)
    assert api.asked[-1][:10] == "2026-01-02"


def test_without_contract_a_bad_row_makes_a_second_column(
    example: ModuleType, api: ShopApi, instance: dg.DagsterInstance
) -> None:
    """Silent: dlt puts the word into `quantity__v_text`, and whoever sums `quantity` misses the order."""
    source = example.shop_source()
    source.orders.apply_hints(schema_contract={"data_type": "evolve"})
    api.change(1, day=1)
    api.change(2, day=2, quantity="many")
    example.pipeline.run(source)
    assert loaded("quantity, quantity__v_text") == [(1, None), (None, "many")]


def test_the_same_source_object_fails_at_the_second_run(example: ModuleType, api: ShopApi, instance: dg.DagsterInstance) -> None:
    """Recording the schema takes the column names out of the source that the decorator holds."""

    @dlt_assets(dlt_source=example.shop_source(), dlt_pipeline=example.pipeline, name="once")
    def once(context: dg.AssetExecutionContext, dlt_resource: DagsterDltResource):
        yield from dlt_resource.run(context=context)

    api.change(1, day=1)
    runs = [run_assets(dg.Definitions([once], resources={"dlt_resource": DagsterDltResource()}), instance) for _ in range(2)]
    assert ([run.status for run in runs], runs[1].errors) == (["SUCCESS", "FAILURE"], {"once": "KeyError: 'name'"})


def test_fetch_row_count_fails_when_nothing_is_new(example: ModuleType, api: ShopApi, instance: dg.DagsterInstance) -> None:
    """An incremental run without a new row has no load job to count by; `rows_loaded` is then absent instead."""

    @dlt_assets(dlt_source=example.shop_source(), dlt_pipeline=example.pipeline, name="counted")
    def counted(context: dg.AssetExecutionContext, dlt_resource: DagsterDltResource):
        source = example.shop_source().with_resources("orders")
        yield from dlt_resource.run(context=context, dlt_source=source).fetch_row_count()

    api.change(1, day=1)
    defs = dg.Definitions([counted], resources={"dlt_resource": DagsterDltResource()})
    runs = [run_assets(defs, instance, ["dlt_shop_orders"]) for _ in range(2)]
    assert [run.status for run in runs] == ["SUCCESS", "FAILURE"]
    assert runs[1].errors == {"counted": "Exception: Missing jobs metadata to retrieve row count."}


def test_default_keys_name_no_table(example: ModuleType) -> None:
    """The default translator's key and its upstream stub, beside the keys of the example."""
    resource = example.shop_source().orders
    default = DagsterDltTranslator().get_asset_spec(
        example.DltResourceTranslatorData(resource=resource, pipeline=example.pipeline)
    )
    assert default.key.to_user_string() == "dlt_shop_orders"
    assert [dep.asset_key.to_user_string() for dep in default.deps] == ["shop_orders"]
    graph = example.defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == {"raw_shop/orders", "raw_shop/customers"}
