"""dlt asks only for what changed; a failed dbt test fails the flow, and only what it stopped runs again."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest
from finished_run import FinishedRun, run_and_read
from prefect import flow
from prefect.settings import PREFECT_LOGGING_LEVEL, temporary_settings
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings
from prefect_server import PrefectServer

HERE = Path(__file__).parent
ORDERS = json.loads((HERE / "orders.json").read_text())
BAD = ORDERS[2] | {"order_id": 4, "product_id": 99, "updated_at": "2026-01-03T09:00:00Z"}


class Shop(ThreadingHTTPServer):
    """An API of orders: `orders` is what it has, `asked` the moments since which it was asked, `failures` answers of 503."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.orders: list[dict[str, Any]] = list(ORDERS)
        self.asked: list[str] = []
        self.failures = 0


class Answer(BaseHTTPRequestHandler):
    """GET /orders?since=..."""

    server: Shop

    def do_GET(self) -> None:
        since = parse_qs(urlsplit(self.path).query)["since"][0]
        self.server.asked.append(since)
        self.server.failures -= 1
        self.send_response(503 if self.server.failures >= 0 else 200)
        self.end_headers()
        self.wfile.write(json.dumps([row for row in self.server.orders if row["updated_at"] >= since]).encode())

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A real HTTP server; database, dlt's state and dbt's target are this test's own."""
    with Shop() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("SHOP_API", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.duckdb"))
        monkeypatch.setenv("SHOP_ORDERS", "raw_shop.orders")
        monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        yield server
        server.shutdown()


def rows(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(os.environ["SHOP_DATABASE"]) as database:
        return database.sql(query).fetchall()


def nodes(run: FinishedRun, *names: str) -> dict[str, str | None]:
    """States of dbt's task runs, which all belong to one task; of `names` only, if given."""
    states = {each.name.split(" ", 1)[1]: each.state_name for each in run.task_runs if " " in each.name}
    return {name: states.get(name) for name in names} if names else states


def test_a_second_load_asks_for_what_changed_only(example: ModuleType, shop: Shop) -> None:
    """The last moment seen is asked for again, and its row not counted twice; a changed order replaces its row."""
    assert [example.load_orders.fn(), example.load_orders.fn()] == [3, 0]
    shop.orders[1] = shop.orders[1] | {"status": "paid", "updated_at": "2026-01-03T08:00:00Z"}
    assert example.load_orders.fn() == 1
    assert shop.asked == [example.FIRST, "2026-01-02T09:00:00Z", "2026-01-02T09:00:00Z"]
    assert rows("SELECT order_id, status FROM raw_shop.orders ORDER BY order_id") == [(1, "paid"), (2, "paid"), (3, "paid")]


def test_a_failed_load_leaves_the_cursor_where_it_was(example: ModuleType, shop: Shop) -> None:
    """The task's retry asks for the same moment."""
    shop.failures = 1

    @flow
    def load_only() -> int:
        return example.load_orders.with_options(retry_delay_seconds=0)()

    run = run_and_read(load_only)
    assert (run.result, run.tries["load_orders"], shop.asked) == (3, [2], [example.FIRST] * 2)


def test_dlt_state_is_in_the_warehouse_too(example: ModuleType, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that starts with an empty folder goes on where the last one ended; a new database begins anew."""
    assert example.load_orders.fn() == 3
    monkeypatch.setenv("SHOP_DLT_DIR", "another_container")
    assert (example.load_orders.fn(), shop.asked[-1]) == (0, "2026-01-02T09:00:00Z")
    monkeypatch.setenv("SHOP_DATABASE", "another.duckdb")
    monkeypatch.setenv("SHOP_DLT_DIR", "third_container")
    assert (example.load_orders.fn(), shop.asked[-1]) == (3, example.FIRST)


@pytest.mark.slow
def test_only_what_a_failed_test_stopped_runs_again(example: ModuleType, shop: Shop) -> None:
    """An unknown product fails one test of stg_orders: marts stay unbuilt, the flow Fails; then the API corrects it."""
    shop.orders.append(BAD)
    relation = "relationships_stg_orders_product_id__product_id__ref_stg_products_"
    broken = run_and_read(example.shop_models)
    assert broken.state.name == "Failed"
    assert relation in str(broken.result)
    assert nodes(broken, relation, "stg_orders", "order_values", "daily_revenue") == {
        relation: "Failed", "stg_orders": "Completed", "order_values": None, "daily_revenue": None,
    }  # fmt: skip
    assert rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'main_marts'") == []
    shop.orders[3] = BAD | {"product_id": 1, "updated_at": "2026-01-03T10:00:00Z"}
    mended = run_and_read(example.shop_models, only_failed=True)
    assert set(nodes(mended).values()) == {"Completed"}
    assert nodes(mended, relation, "stg_orders", "products", "order_values", "daily_revenue") == {
        relation: "Completed", "stg_orders": None, "products": None, "order_values": "Completed", "daily_revenue": "Completed",
    }  # fmt: skip
    assert (mended.state.name, mended.result) == ("Completed", 1)
    assert rows("SELECT day::TEXT, orders, revenue::TEXT FROM main_marts.daily_revenue ORDER BY day") == [
        ("2026-01-01", 1, "19.00"),
        ("2026-01-02", 2, "19.00"),
    ]


@pytest.mark.slow
def test_what_dbt_does_not_fail_on(example: ModuleType, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent: a selection of nothing is green, `raise_on_failure=False` too; paths beside the profile are elsewhere."""
    monkeypatch.delenv("SHOP_ORDERS")
    settings = PrefectDbtSettings(project_dir=example.PROJECT, profiles_dir=example.PROJECT, target_path=tmp_path / "target")
    logs = ["--log-path", str(tmp_path / "logs")]

    @flow
    def build(selection: str) -> bool:
        runner = PrefectDbtRunner(settings=settings, raise_on_failure=False)
        runner.invoke(["parse", *logs])
        assert runner.manifest.nodes  # or a node may have no task run: test_dbt_task_run_traps.py
        return runner.invoke(["build", "--select", selection, *logs]).success

    nothing, failing = run_and_read(build, selection="no_such_model"), run_and_read(build, selection="stg_orders")
    assert [(run.state.name, run.result) for run in (nothing, failing)] == [("Completed", True), ("Completed", False)]
    assert nodes(failing)["stg_orders"] == "Failed"
    assert "No files found that match" in "".join(failing.messages(40))  # the profile was copied to a temporary folder


def test_a_level_that_dbt_does_not_know(prefect_server: PrefectServer, tmp_path: Path) -> None:
    """Python says WARNING, dbt says warn."""
    with temporary_settings({PREFECT_LOGGING_LEVEL: "WARNING"}):
        with pytest.raises(ValueError, match="'warning' is not a valid EventLevel"):
            settings = PrefectDbtSettings(project_dir=HERE / "dbt_shop", profiles_dir=HERE / "dbt_shop", target_path=tmp_path)
            PrefectDbtRunner(settings=settings).invoke(["parse"])
