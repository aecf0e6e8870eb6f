"""A re-run overwrites its partition and no other; a REST catalog needs other properties and no other code."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from dagster_iceberg.config import IcebergCatalogConfig
from dagster_iceberg.io_manager.arrow import PyArrowIcebergIOManager
from pyiceberg import catalog as pyiceberg_catalog
from pyiceberg.utils.config import Config
from run_assets import run_assets
from secret_search import shown_to_the_ui

pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")
FIRST, SECOND, THIRD = "2026-03-01", "2026-03-02", "2026-03-03"
SECRET = "reader:secret-4f1b"


def rows(example: ModuleType, table: str) -> list[tuple[str, int]]:
    """The table's rows, sorted, as any engine reads them."""
    stored = example.open_catalog("local").load_table(f"shop.{table}").scan().to_arrow().to_pylist()
    return sorted((row["day"].isoformat(), row["cents"]) for row in stored)


def test_a_second_run_overwrites_its_day_only(
    example: ModuleType, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A corrected day replaces its own rows; the other day's are those of its own run."""
    for day in (FIRST, SECOND):
        run_assets(example.defs, instance, partition=day)
    monkeypatch.setitem(example.ORDERS, FIRST, [500])
    assert run_assets(example.defs, instance, partition=FIRST).status == "SUCCESS"
    assert rows(example, "orders") == [(FIRST, 500), (SECOND, 450)]
    assert rows(example, "revenue") == [(FIRST, 500), (SECOND, 450)]


def test_a_day_becomes_a_partition_of_the_table(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """The table is partitioned by the day, and the snapshot names the partition that wrote it."""
    run_assets(example.defs, instance, partition=FIRST)
    table = example.open_catalog("local").load_table("shop.orders")
    assert [(field.name, str(field.transform)) for field in table.spec().fields] == [("part_day", "day")]
    assert table.current_snapshot().summary["dagster-partition-key"] == FIRST


def test_a_day_without_orders_has_no_rows(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """An empty table with named types is stored; without them, the write fails."""
    assert run_assets(example.defs, instance, partition=THIRD).status == "SUCCESS"
    assert (rows(example, "orders"), rows(example, "revenue")) == ([], [(THIRD, 0)])


def test_the_history_holds_what_was_overwritten(
    example: ModuleType, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot of the first run still gives the rows that the second one replaced."""
    run_assets(example.defs, instance, "key:orders", partition=FIRST)
    table = example.open_catalog("local").load_table("shop.orders")
    before = table.current_snapshot().snapshot_id
    monkeypatch.setitem(example.ORDERS, FIRST, [500])
    run_assets(example.defs, instance, "key:orders", partition=FIRST)
    assert table.refresh().scan(snapshot_id=before).to_arrow()["cents"].to_pylist() == [900, 900]


# --- what no error announces, and the right form beside it


def test_rows_of_another_day_are_appended_at_every_run(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """What is overwritten is the run's own day: rows of another one are there twice after two runs."""

    @dg.asset(partitions_def=example.DAYS, metadata=example.BY_DAY)
    def orders() -> pa.Table:
        return pa.table({"day": [example.date(2026, 3, 3)], "cents": [1]}, schema=example.ORDER_COLUMNS)

    for _ in range(2):
        run_assets([orders], instance, partition=FIRST, resources={"io_manager": example.io_manager("local")})
    assert rows(example, "orders") == [(THIRD, 1)] * 2


def store(example: ModuleType, instance: dg.DagsterInstance, columns: dict[str, list], **metadata: Any) -> dict[str, str]:
    """Store an unpartitioned table; the run's errors."""
    made = dg.asset(lambda: pa.table(columns), name="lines", metadata=metadata)
    return run_assets([made], instance, resources={"io_manager": example.io_manager("local")}).errors


def test_update_mode_drops_columns_too(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """A changed schema is an error by default; `update` adds a column, and takes one away without a word."""
    store(example, instance, {"id": [1], "cents": [450]})
    refused = store(example, instance, {"id": [1], "cents": [450], "note": ["a"]})
    assert "Schema spec update mode is set to 'error'" in refused["lines"]
    names = []
    for columns in ({"id": [1], "cents": [450], "note": ["a"]}, {"id": [1]}):
        assert store(example, instance, columns, schema_update_mode="update") == {}
        names.append(example.open_catalog("local").load_table("shop.lines").schema().column_names)
    assert names == [["id", "cents", "note"], ["id"]]


# --- a REST catalog


@contextmanager
def rest_catalog() -> Iterator[tuple[str, list[str]]]:
    """A server that speaks as much of the Iceberg REST protocol as a first contact takes; its URL, what it was asked."""
    asked: list[str] = []

    class Catalog(BaseHTTPRequestHandler):
        def answer(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(f"POST {self.path} {form}")
            self.answer(200, {"access_token": "issued", "token_type": "bearer", "expires_in": 3600})

        def do_GET(self) -> None:
            asked.append(f"GET {self.path} {self.headers['Authorization']}")
            missing = {"error": {"message": "stop here", "type": "NoSuchNamespaceException", "code": 404}}
            known = self.path.startswith("/api/catalog/v1/config")
            self.answer(200 if known else 404, {"defaults": {}, "overrides": {"prefix": "shop"}} if known else missing)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Catalog)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api/catalog", asked
    server.shutdown()
    server.server_close()


def test_the_rest_catalog_gets_the_credential_and_the_ui_does_not(
    example: ModuleType, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret goes from pyiceberg's own variable to the token endpoint; the snapshot has no trace of it."""
    monkeypatch.setenv("PYICEBERG_CATALOG__SHOP__CREDENTIAL", SECRET)
    monkeypatch.setattr(pyiceberg_catalog, "_ENV_CONFIG", Config())  # it is read once, when pyiceberg is imported
    with rest_catalog() as (url, asked):
        monkeypatch.setenv("SHOP_CATALOG_URL", url)
        defs = dg.Definitions([example.orders], resources={"io_manager": example.io_manager("prod")})
        run = run_assets(defs, instance, partition=FIRST)
    assert "404 Client Error" in run.errors["orders"]
    assert asked[0].startswith("POST /api/catalog/v1/oauth/tokens") and "client_secret=secret-4f1b" in asked[0]
    assert asked[1] == "GET /api/catalog/v1/config?warehouse=shop Bearer issued"
    assert "secret-4f1b" not in shown_to_the_ui(defs)


def test_an_environment_variable_among_the_properties_is_not_read(
    instance: dg.DagsterInstance, example: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`EnvVar` inside `properties` loads, and sends the word `env` as the secret; use pyiceberg's own variable."""
    monkeypatch.setenv("SHOP_CREDENTIAL", SECRET)
    with rest_catalog() as (url, asked):
        properties = {"type": "rest", "uri": url, "credential": dg.EnvVar("SHOP_CREDENTIAL")}
        wrong = PyArrowIcebergIOManager(name="shop", config=IcebergCatalogConfig(properties=properties), namespace="shop")
        run_assets([example.orders], instance, partition=FIRST, resources={"io_manager": wrong})
    assert "client_secret=env&" in asked[0]
