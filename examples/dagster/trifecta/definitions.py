"""A data platform to start from: dlt loads, dbt models, checks gate, a last step delivers, one job a day.

What: raw_shop/orders -> marts/stg_orders -> marts/daily_revenue -> crm/daily_revenue in one DuckDB file.
When: a few sources, SQL models, batches a day. Not for events that must be seen within seconds.
Run: dg launch --assets "*" --partition-range 2026-01-01...2026-01-03 -f definitions.py
Expect: shop_data.duckdb with 3 days in marts.daily_revenue, crm_outbox/ with 3 files; again: the same.
"""

import dagster as dg
from dagster_dlt import DagsterDltResource
from shop_platform.delivery import crm_daily_revenue
from shop_platform.ingestion import load_shop, orders_arrived
from shop_platform.transformation import build_marts, dbt

daily = dg.define_asset_job("daily", selection=dg.AssetSelection.all(), tags={"team": "shop-data"})
at_six = dg.build_schedule_from_partitioned_job(
    daily, name="at_six", hour_of_day=6, default_status=dg.DefaultScheduleStatus.RUNNING
)

defs = dg.Definitions(
    assets=[load_shop, build_marts, crm_daily_revenue],
    asset_checks=[orders_arrived],
    jobs=[daily],
    schedules=[at_six],
    resources={"dlt_resource": DagsterDltResource(), "dbt": dbt},
)
