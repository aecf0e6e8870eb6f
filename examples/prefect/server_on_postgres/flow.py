"""A Prefect server on Postgres, and what its API holds after a run: parameters and logs in clear, results by reference.

What: a flow whose rows stay in its own process and storage; the tests stop the server, start it again and read back.
When: more than one server process, workers on other machines, or more runs than SQLite's one writer bears.
Run: uv run python flow.py
Expect: "bern: 3 orders" in the log; the server knows the log line and the path of the result, not the rows.
"""

from __future__ import annotations

from prefect import flow, get_run_logger, task

ORDERS = [("bern", "anna@shop.example", 900), ("bern", "ben@shop.example", 1600), ("bern", "eva@shop.example", 400)]


@task(persist_result=True)
def read(shop: str) -> list[tuple[str, str, int]]:
    """Rows with mail addresses; stored where PREFECT_LOCAL_STORAGE_PATH or the result storage says, not on the server."""
    return [row for row in ORDERS if row[0] == shop]


@flow(persist_result=True)
def count_orders(shop: str = "bern") -> int:
    """How many orders; the log says numbers, never rows."""
    rows = read(shop)
    get_run_logger().info("%s: %s orders", shop, len(rows))
    return len(rows)


if __name__ == "__main__":
    count_orders()
