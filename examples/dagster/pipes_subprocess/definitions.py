"""A step in an environment of its own: another interpreter, other packages, one report back.

What: a script started with PipesSubprocessClient; metadata, a blocking check and log lines come back through a file.
When: libraries that cannot live beside Dagster, or code of another team. Not for what can be imported.
Run: dg launch --assets "*" -f definitions.py
Expect: 2 orders, 1650 cents; SHOP_PYTHON names the interpreter, by default Dagster's own.
"""

import os
import sys
from pathlib import Path

import dagster as dg

HERE = Path(__file__).parent


@dg.asset(check_specs=[dg.AssetCheckSpec("not_empty", asset="revenue", blocking=True)])
def revenue(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient) -> dg.MaterializeResult:
    """The sum that the script reports; a script that reports none has failed, whatever its exit code."""
    script = os.environ.get("SHOP_SCRIPT", str(HERE / "count_orders.py"))
    done = pipes.run(
        command=[os.environ.get("SHOP_PYTHON", sys.executable), script],
        context=context,
        extras={"orders": os.environ.get("SHOP_ORDERS", str(HERE / "orders.csv"))},
    )
    return done.get_materialize_result(implicit_materialization=False)


defs = dg.Definitions(assets=[revenue], resources={"pipes": dg.PipesSubprocessClient()})
