"""What a run made is shown where a person looks: progress, a report, a link, and assets with where they came from.

What: four artifacts of one run, and two assets whose lineage follows the values handed between tasks.
When: people read results in the UI. Artifacts and metadata lie on the server in plain text: no secrets.
Run: uv run python flow.py
Expect: 2 days in the report; the asset revenue with the asset orders above it.
"""

from __future__ import annotations

import textwrap
from collections import Counter

from prefect import flow
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.assets import Asset, add_asset_metadata, materialize

ORDERS = Asset(key="duckdb://shop/orders")
REVENUE = Asset(key="duckdb://shop/daily-revenue")
ROWS = [("2026-03-01", 1800), ("2026-03-01", 450), ("2026-03-02", 900)]


@materialize(ORDERS, asset_deps=["file://shop/orders.csv"])
def orders() -> list[tuple[str, int]]:
    """Day and cents of each order."""
    progress = create_progress_artifact(progress=0, key="orders-read")
    for number, _ in enumerate(ROWS, start=1):
        update_progress_artifact(progress, progress=100 * number / len(ROWS))
    return ROWS


@materialize(REVENUE)
def revenue(rows: list[tuple[str, int]]) -> dict[str, int]:
    """Cents by day. Takes the very object that `orders` returned: lineage is known by it."""
    cents: Counter[str] = Counter()
    for day, amount in rows:
        cents[day] += amount
    add_asset_metadata(REVENUE, {"days": len(cents)})
    return dict(cents)


def report(cents: dict[str, int]) -> str:
    """Markdown; without dedent the indented lines would be a block of code."""
    return textwrap.dedent(f"""
        # Revenue

        {len(cents)} days, {sum(cents.values())} cents
    """)


@flow
def publish_revenue() -> dict[str, int]:
    """Materialize both assets and report on them."""
    cents = revenue(orders())
    create_table_artifact(key="revenue", table=[{"day": day, "cents": amount} for day, amount in cents.items()])
    create_markdown_artifact(key="revenue-report", markdown=report(cents))
    create_link_artifact(key="revenue-source", link="https://shop.example/orders", link_text="orders")
    return cents


if __name__ == "__main__":
    print(publish_revenue())
