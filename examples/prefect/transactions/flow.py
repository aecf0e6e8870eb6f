"""A file is published and its rows are loaded, both or neither, and once, however often the run is repeated.

What: a transaction undoes the finished steps of a failed run; its key remembers a finished one.
When: steps leave things behind in different places. One database can do it better by itself: use its own transaction.
Run: uv run python flow.py
Expect: "3 rows" printed; a second run prints "3 rows, loaded before" and loads nothing.
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
from pathlib import Path

import duckdb
from prefect import flow, task
from prefect.transactions import Transaction, get_transaction, transaction

ORDERS = Path(__file__).with_name("orders.csv")
PUBLISHED = Path(os.environ.get("SHOP_PUBLISHED", "published"))


def database() -> duckdb.DuckDBPyConnection:
    """The shop's database with its table."""
    connection = duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb"))
    connection.execute("CREATE TABLE IF NOT EXISTS orders (file VARCHAR, order_id BIGINT, total_cents BIGINT)")
    return connection


def load_key(path: Path) -> str:
    """What makes two loads the same one: name and content, not the run."""
    return f"load-{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


@task
def publish(path: Path) -> Path:
    """Copy the file; the copy's path. Says what to undo *before* it does it."""
    PUBLISHED.mkdir(exist_ok=True)
    if (active := get_transaction()) is not None:
        active.set("copy", PUBLISHED / path.name)
    return Path(shutil.copy(path, PUBLISHED))


@publish.on_rollback
def withdraw(transaction: Transaction) -> None:
    """Undo `publish`; also right when there is nothing to undo."""
    transaction.get("copy").unlink(missing_ok=True)


@task
def load(path: Path) -> int:
    """Replace the file's rows, so that a half-finished earlier run does not matter; the number of rows."""
    with path.open(newline="") as file:
        rows = [(path.name, int(row["order_id"]), int(row["total_cents"])) for row in csv.DictReader(file)]
    with database() as connection:
        connection.begin()
        connection.execute("DELETE FROM orders WHERE file = ?", [path.name])
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        connection.commit()
    return len(rows)


@flow(log_prints=True)
def publish_and_load(path: Path = ORDERS) -> int:
    """Publish and load once; the rows, also when an earlier run did it."""
    with transaction(key=load_key(path)) as once:
        if not once.is_committed():  # entering the block does not ask this
            publish(path)
            once.stage(load(path))
    rows = once.read().result
    print(f"{rows} rows")
    return rows


if __name__ == "__main__":
    publish_and_load()
