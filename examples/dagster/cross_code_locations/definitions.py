"""Two code locations, one graph: the report of one team follows the orders of another.

What: the other location's asset as an AssetSpec of the same key, with the IO manager that stores it, and eager().
When: teams deploy apart. In one location a plain dependency does, and a job can hold both assets.
Run: dagster-webserver -w workspace.yaml
Expect: here the orders stand in for the other location: report 1350; see workspace.yaml for both beside each other.
"""

import os

import dagster as dg

SHARED = dg.FilesystemIOManager(base_dir=os.environ.get("SHOP_VALUES", "shop_values"))


@dg.asset(key_prefix="sales", io_manager_key="shared")
def orders() -> list[int]:
    """Cents of each order; in a code location of its own."""
    return [450, 900]


def sales() -> dg.Definitions:
    """The code location that has the orders."""
    return dg.Definitions(assets=[orders], resources={"shared": SHARED})


their_orders = dg.AssetSpec(["sales", "orders"]).with_io_manager_key("shared")


@dg.asset(
    ins={"orders": dg.AssetIn(key=["sales", "orders"])},
    io_manager_key="shared",
    automation_condition=dg.AutomationCondition.eager(),
)
def report(orders: list[int]) -> int:
    """The sum, of whatever the other location has stored last."""
    return sum(orders)


def finance() -> dg.Definitions:
    """The code location that has the report, and knows the orders by key."""
    return dg.Definitions(assets=[their_orders, report], resources={"shared": SHARED})


defs = dg.Definitions(assets=[orders, report], resources={"shared": SHARED})  # both at once, to try it
