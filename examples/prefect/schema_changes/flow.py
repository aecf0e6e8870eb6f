"""A load remembers on the server where it stopped and which columns it saw; what breaks readers stops before the write.

What: new and late rows of a growing CSV file, by a watermark with an overlap; a lost or retyped column fails the run.
When: sources that grow, and change without a notice. Where the columns are agreed, check the contract instead.
Run: uv run python flow.py
Expect: 3 rows; a second run finds none that is new and reads the overlap again.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import duckdb
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.variables import Variable
from pydantic import BaseModel

ORDERS = Path(__file__).with_name("orders.csv")
OVERLAP = timedelta(days=3)  # how late a row may come
TABLE = "CREATE TABLE IF NOT EXISTS orders (order_id BIGINT PRIMARY KEY, day DATE, cents BIGINT)"


class LoadState(BaseModel):
    """What the variable `orders_load` holds: columns with their types, and the newest day that was loaded."""

    columns: dict[str, str] = {}
    until: date = date.min

    @classmethod
    def read(cls) -> LoadState:
        """The state that the last complete load left; the initial one before the first."""
        return cls.model_validate(Variable.get("orders_load", default={}))

    def write(self) -> None:
        """Replace it. Called after the rows are there: a load that dies in between is done again, and changes nothing."""
        Variable.set("orders_load", self.model_dump(mode="json"), tags=["shop"], overwrite=True)

    @property
    def since(self) -> date:
        """The first day to read again."""
        return self.until - OVERLAP if self.until > date.min else date.min


def database() -> duckdb.DuckDBPyConnection:
    """A connection to the shop's file."""
    return duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb"))


def compare(before: dict[str, str], now: dict[str, str]) -> tuple[list[str], list[str]]:
    """(what breaks readers, what does not)."""
    broken = [f"{name}: {kind} -> {now.get(name, 'gone')}" for name, kind in before.items() if now.get(name) != kind]
    return broken, [f"{name}: new, {kind}" for name, kind in now.items() if before and name not in before]


@task
def read_columns(path: Path) -> dict[str, str]:
    """Name to type of each column, as DuckDB reads the file."""
    rows = duckdb.sql(f"FROM read_csv('{path}')")
    return {name: str(kind) for name, kind in zip(rows.columns, rows.types, strict=True)}


@task
def write_rows(path: Path, since: date) -> tuple[int, date]:
    """Insert or replace the rows from a day on; how many there were, and the newest day of the file."""
    with database() as shop:
        shop.execute(TABLE)
        rows = shop.sql(f"SELECT order_id, day, cents FROM read_csv('{path}') WHERE day >= DATE '{since}'")
        [(count, newest)] = rows.aggregate("count(*), max(day)").fetchall()
        shop.execute("INSERT OR REPLACE INTO orders SELECT * FROM rows")
    return count, newest or since


@flow
def load_orders(path: Path = ORDERS, accept_changes: bool = False) -> int:
    """Rows read. `accept_changes` takes the file's columns as the new standard; otherwise a broken one raises ValueError."""
    state, columns = LoadState.read(), read_columns(path)
    broken, added = compare(state.columns, columns)
    if changes := broken + added:
        create_table_artifact([{"change": change} for change in changes], key="orders-columns", description=str(path))
    if broken and not accept_changes:
        raise ValueError(f"columns changed: {'; '.join(broken)}")
    count, newest = write_rows(path, state.since)
    LoadState(columns=columns, until=max(state.until, newest)).write()
    return count


if __name__ == "__main__":
    print(load_orders())
