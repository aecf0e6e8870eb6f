"""A table that another system loads is in the graph, with its loads, and what follows it runs for each of them.

What: an AssetSpec without a function; its loads are reported over HTTP, and found by a sensor where nobody reports.
When: a database's own job, Spark, a partner's delivery. What Dagster could start itself is an asset, or Pipes.
Run: dg dev -f definitions.py, then python report_load.py http://127.0.0.1:3000 warehouse/orders --partition 2026-03-01 --rows 2
Expect: warehouse/orders shows a materialization of that day with 2 rows and no run; revenue of that day runs within a minute.
"""

import json
import os
from pathlib import Path

import dagster as dg

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-08")
RUNNING = dg.DefaultSensorStatus.RUNNING

orders = dg.AssetSpec(
    ["warehouse", "orders"],
    partitions_def=DAYS,
    owners=["team:warehouse"],
    kinds={"postgres"},
    description="Loaded by the warehouse's own nightly job, which reports each day.",
)
rates = dg.AssetSpec(["partner", "rates"], kinds={"csv"}, description="Delivered by a partner who reports nothing.")


@dg.asset(
    partitions_def=DAYS,
    deps=[orders],
    automation_condition=dg.AutomationCondition.eager().without(dg.AutomationCondition.in_latest_time_window()),
)
def revenue(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One day, each time that day of orders was loaded: also an old one."""
    return dg.MaterializeResult(metadata={"day": context.partition_key})


@dg.sensor(default_status=RUNNING)
def delivered_rates(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """A materialization for each version of the file; no run is started. The cursor holds what was reported."""
    file = Path(os.environ.get("SHOP_RATES", "rates.csv"))
    if not file.exists():
        return dg.SensorResult(skip_reason=f"{file} is not there")
    facts = file.stat()
    version = json.dumps([facts.st_mtime_ns, facts.st_size])
    if version == context.cursor:
        return dg.SensorResult(skip_reason="the delivery is the one that is known")
    event = dg.AssetMaterialization(rates.key, metadata={"bytes": facts.st_size, "path": dg.MetadataValue.path(str(file))})
    return dg.SensorResult(asset_events=[event], cursor=version)


automation = dg.AutomationConditionSensorDefinition("automation", target=dg.AssetSelection.all(), default_status=RUNNING)
defs = dg.Definitions(assets=[orders, rates, revenue], sensors=[delivered_rates, automation])
