"""One asset graph made of every kind of node: external, several from one function, several steps, and a factory.

What: landing file (external) -> orders and order_lines (one function) -> revenue per shop (factory) -> report (graph).
When: a graph that people read and select from. Not for steps that nobody looks at: those are functions.
Run: dg launch --assets "+key:report" -f definitions.py
Expect: report says 3300 cents; dg launch --assets "key:order_lines" -f definitions.py materializes order_lines only.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd

ORDERS_FILE = Path(__file__).parent / "orders.csv"
SHOPS = ("bern", "basel")

landing = dg.AssetSpec(["landing", "orders"], kinds={"csv"}, description="Written by the shops' tills.")


@dg.multi_asset(
    outs={
        "orders": dg.AssetOut(key=["raw", "orders"], is_required=False, kinds={"pandas"}),
        "order_lines": dg.AssetOut(key=["raw", "order_lines"], is_required=False, kinds={"pandas"}),
    },
    deps=[landing],
    can_subset=True,
    group_name="raw",
)
def read_orders(context: dg.AssetExecutionContext) -> Iterator[dg.Output[pd.DataFrame]]:
    """Both tables from one reading of the file; only those that were asked for are stored."""
    rows = pd.read_csv(ORDERS_FILE)
    tables = {"orders": rows[["order_id", "day", "shop"]], "order_lines": rows.drop(columns=["day", "shop"])}
    for name in sorted(context.op_execution_context.selected_output_names):
        yield dg.Output(tables[name], output_name=name)


def revenue_of(shop: str) -> dg.AssetsDefinition:
    """The revenue of one shop; a function, because a loop would give every asset the last shop."""

    @dg.asset(
        name=shop,
        key_prefix="revenue",
        group_name="revenue",
        owners=["team:shop-data"],
        ins={"orders": dg.AssetIn(["raw", "orders"]), "lines": dg.AssetIn(["raw", "order_lines"])},
    )
    def revenue(orders: pd.DataFrame, lines: pd.DataFrame) -> int:
        sold = lines.merge(orders[orders.shop == shop], on="order_id")
        return int((sold.quantity * sold.price_cents).sum())

    return revenue


@dg.op
def add_up(bern: int, basel: int) -> int:
    """One parameter an asset: a list of assets, `add_up([bern, basel])`, loads one of them twice."""
    return bern + basel


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2, delay=1))
def publish(cents: int) -> str:
    """The one step worth a retry, with a policy of its own."""
    return f"revenue: {cents} cents"


@dg.graph_asset(ins={shop: dg.AssetIn(["revenue", shop]) for shop in SHOPS}, group_name="report", kinds={"python"})
def report(bern: int, basel: int) -> str:
    """Two steps behind one asset: each is retried and re-run by itself."""
    return publish(add_up(bern, basel))


revenue_job = dg.define_asset_job("revenue_job", selection='key:"revenue/*"')
defs = dg.Definitions(assets=[landing, read_orders, *map(revenue_of, SHOPS), report], jobs=[revenue_job])
