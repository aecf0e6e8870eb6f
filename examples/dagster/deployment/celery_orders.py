"""Steps that Celery workers execute: one on the default queue `dagster`, one on the queue `big`.

What: an asset job with celery_executor; messages and results are files below CELERY_FOLDER, so no server is needed.
When: a trial on one machine, or a test; for real, `broker` is Redis or RabbitMQ and the rest stays as it is.
Run: dagster-celery worker start -A dagster_celery.app -y celery.yaml -q dagster,big (CELERY is `execution: config:` there), then
dg launch --job load -f celery_orders.py
Expect: each asset's metadata names the worker's process. Without a worker on `big` the run waits, and nothing says so.
"""

import os
import time
from pathlib import Path

import dagster as dg
from dagster_celery import celery_executor

FOLDER = Path(os.environ.get("CELERY_FOLDER", "celery")).absolute()
FILES = {"data_folder_in": str(FOLDER / "queues"), "data_folder_out": str(FOLDER / "queues"), "control_folder": str(FOLDER)}
CELERY = {
    "broker": "filesystem://",
    "backend": f"file://{FOLDER}/results",
    "config_source": {"broker_transport_options": FILES},
}


@dg.asset
def orders() -> dg.MaterializeResult:
    """On the queue `dagster`, as every step without a tag."""
    return dg.MaterializeResult(metadata={"pid": os.getpid()})


@dg.asset(deps=[orders], op_tags={"dagster-celery/queue": "big"})
def revenue() -> dg.MaterializeResult:
    """On a queue of its own, for workers with more memory."""
    return dg.MaterializeResult(metadata={"pid": os.getpid()})


@dg.asset
def broken() -> None:
    """Fails."""
    raise ValueError("no orders today")


@dg.asset
def endless() -> None:
    """Says which process it is in, and does not end by itself."""
    (FOLDER / "endless.pid").write_text(str(os.getpid()))
    time.sleep(3600)


celery = celery_executor.configured(CELERY)
defs = dg.Definitions(
    assets=[orders, revenue, broken, endless],
    jobs=[
        dg.define_asset_job("load", [orders, revenue], executor_def=celery),
        dg.define_asset_job("fail", [broken], executor_def=celery),
        dg.define_asset_job("wait", [endless], executor_def=celery),
    ],
)
