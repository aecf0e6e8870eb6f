"""New orders of an API into DuckDB by dlt, then the dbt models and tests over them; after a failure, only what failed.

What: a task that loads what changed since the last run, then `dbt build`: each model and test is a task run of its own.
When: dbt runs in the flow's process. Not for two flows on one project: dbt's adapter is one for the process.
Run: uv run python flow.py
Expect: shop_data.duckdb with raw_shop.orders (3 rows) and main_marts.daily_revenue (2 days). SHOP_API: a real API.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import httpx
from prefect import flow, task
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

HERE = Path(__file__).parent
PROJECT = HERE / "dbt_shop"
FIRST = "2026-01-01T00:00:00Z"


def changed_since(moment: str) -> list[dict[str, Any]]:
    """Orders that the API changed at or after `moment`, or those of the file beside this one."""
    if "SHOP_API" not in os.environ:
        return [row for row in json.loads((HERE / "orders.json").read_text()) if row["updated_at"] >= moment]
    return httpx.get(os.environ["SHOP_API"] + "/orders", params={"since": moment}, timeout=30).raise_for_status().json()


@dlt.resource(name="orders", primary_key="order_id", write_disposition="merge")
def changed_orders(updated: Any = dlt.sources.incremental("updated_at", initial_value=FIRST)) -> Iterator[list[dict[str, Any]]]:  # noqa: B008
    """One row an order, as it was last changed."""
    yield changed_since(str(updated.last_value))


@task(retries=2, retry_delay_seconds=1)
def load_orders() -> int:
    """Load what is new; how many rows came. The cursor moves when the load is done: a retry asks for the same again."""
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    database = dlt.destinations.duckdb(os.environ.get("SHOP_DATABASE", "shop_data.duckdb"))
    folder = os.environ.get("SHOP_DLT_DIR", "dlt_pipelines")
    pipeline = dlt.pipeline("shop", pipelines_dir=folder, destination=database, dataset_name="raw_shop")
    pipeline.run(changed_orders()).raise_on_failed_jobs()
    return pipeline.last_trace.last_normalize_info.row_counts.get("orders", 0)


def dbt(*words: str) -> None:
    """Run one dbt command; what dbt writes goes to the working directory, not into the project."""
    os.environ.setdefault("SHOP_ORDERS", "raw_shop.orders")
    target, logs = (Path(os.environ.get("SHOP_DBT_DIR", "dbt_target")) / part for part in ("target", "logs"))
    settings = PrefectDbtSettings(project_dir=PROJECT, profiles_dir=PROJECT, target_path=target.absolute())
    runner, log_path = PrefectDbtRunner(settings=settings), ["--log-path", str(logs.absolute())]
    runner.invoke(["parse", *log_path])
    if not runner.manifest.nodes:  # the runner reads it once: now, and not at the first node, while dbt writes it
        raise ValueError(f"{PROJECT}: nothing to run")
    runner.invoke([*words, *log_path])


@flow
def shop_models(only_failed: bool = False) -> int:
    """Load, then build; with `only_failed` run again what the last build left failed or skipped. Rows loaded."""
    loaded = load_orders()
    dbt("retry" if only_failed else "build")
    return loaded


if __name__ == "__main__":
    shop_models()
