"""The orders platform leaves the same tables in Dagster, Airflow and Prefect, whatever the API does on the way."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest
from proving import ROOT, interpreter

pytestmark = pytest.mark.slow
TOOLS = ("dagster", "airflow", "prefect")
FOLDERS = {tool: ROOT / "examples" / tool / "orders_platform" for tool in TOOLS}
ARRIVALS = json.loads((FOLDERS["dagster"] / "orders.json").read_text())
DAYS = sorted(ARRIVALS)
LEAKING = ("DAGSTER_", "AIRFLOW_", "PREFECT_", "PYTHON", "SHOP_", "ALERT_")
RUN_SECONDS = 300
TABLES = {
    "orders": b"""\
1,2026-03-01,espresso,5,1250,2026-03-03 07:00:00
2,2026-03-01,filter,1,300,2026-03-01 10:00:00
3,2026-03-02,espresso,1,250,2026-03-02 08:30:00
5,2026-03-02,mocha,3,1260,2026-03-02 11:00:00
7,2026-03-03,filter,2,600,2026-03-03 12:00:00
""",
    "orders_by_day": b"2026-03-01,2,1550\n2026-03-02,2,1510\n2026-03-03,1,600\n",
}


@dataclass
class OrdersApi:
    """Answers each tool's first request for a day with 503, the others with the day's rows; `answered` by tool."""

    url: str
    answered: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: {tool: [] for tool in TOOLS})

    def answer(self, tool: str, day: str) -> tuple[int, dict[str, list[dict[str, object]]]]:
        """Status and body for one request, noted."""
        status = 200 if day in dict(self.answered[tool]) else 503
        self.answered[tool].append((day, status))
        return status, {day: ARRIVALS[day]}


@pytest.fixture(scope="module")
def api() -> Iterator[OrdersApi]:
    """One server for all three, on a free loopback port: /TOOL?day=DAY."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            status, body = orders.answer(asked.path.strip("/"), parse_qs(asked.query)["day"][0])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        orders = OrdersApi(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield orders
        server.shutdown()


def load_days(tool: str, days: list[str], api: OrdersApi, folder: Path) -> dict[str, bytes]:
    """Run the tool's own version in its own environment; its tables afterwards."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LEAKING)}
    own = {"ORDERS_API": f"{api.url}/{tool}", "SHOP_DATABASE": str(folder / f"{tool}.duckdb"), "RETRY_SECONDS": "0.1"}
    command = [str(interpreter(tool)), str(FOLDERS[tool] / "run_days.py"), *days]
    done = subprocess.run(command, cwd=folder, env=kept | own, capture_output=True, text=True, timeout=RUN_SECONDS)
    assert done.returncode == 0, f"{tool} {days}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return tables(folder / f"{tool}.duckdb", folder)


def tables(database: Path, folder: Path) -> dict[str, bytes]:
    """Every table of the file as CSV, its rows in order."""
    with duckdb.connect(str(database), read_only=True) as shop:
        names = [name for (name,) in shop.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
        for name in names:
            shop.execute(f"COPY (FROM {name} ORDER BY ALL) TO '{folder / name}.csv' (HEADER false)")
    return {name: (folder / f"{name}.csv").read_bytes() for name in names}


@pytest.fixture(scope="module")
def outcomes(api: OrdersApi, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, bytes]]]:
    """By tool: the tables after the three days, and after the same days again, last day first."""
    folders = {tool: tmp_path_factory.mktemp(tool) for tool in TOOLS}
    return {tool: [load_days(tool, days, api, folders[tool]) for days in (DAYS, DAYS[::-1])] for tool in TOOLS}


def test_the_three_tools_leave_the_same_bytes(outcomes: dict[str, list[dict[str, bytes]]]) -> None:
    """Orders, totals and dead letters are equal, table by table, and two of them are those that the input implies."""
    first = {tool: after[0] for tool, after in outcomes.items()}
    assert first["airflow"] == first["dagster"]
    assert first["prefect"] == first["dagster"]
    assert sorted(first["dagster"]) == ["dead_letters", "orders", "orders_by_day"]
    assert {name: first["dagster"][name] for name in TABLES} == TABLES
    reasons = [line.split(b",")[:2] for line in first["dagster"]["dead_letters"].splitlines()]
    assert reasons == [[b"2026-03-02", b"quantity is not a positive number"], [b"2026-03-03", b"unknown product"]]


@pytest.mark.parametrize("tool", TOOLS)
def test_days_again_in_another_order_change_nothing(tool: str, outcomes: dict[str, list[dict[str, bytes]]]) -> None:
    """The old version of order 1, loaded after the new one, does not win; nothing is doubled."""
    first, again = outcomes[tool]
    assert again == first


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.usefixtures("outcomes")
def test_each_day_is_asked_until_it_answers(tool: str, api: OrdersApi) -> None:
    """503 costs one more request for its day; the second time every first request is answered."""
    first = [(day, status) for day in DAYS for status in (503, 200)]
    assert api.answered[tool] == first + [(day, 200) for day in DAYS[::-1]]


@pytest.mark.parametrize("name", ["orders.json", "products.json"])
def test_the_three_folders_ship_the_same_input(name: str) -> None:
    """The default input is one file, three times."""
    assert len({(folder / name).read_bytes() for folder in FOLDERS.values()}) == 1
