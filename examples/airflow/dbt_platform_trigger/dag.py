"""Load what changed with dlt, then start one dbt platform (dbt Cloud) job, wait for it, and read what it did.

What: dlt merges new orders, its cursor kept beside the data; the job's run is waited for without a worker slot.
When: dbt runs on the platform and must follow a load. Not for dbt on your own machines (Cosmos), nor for dbt alone.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test refresh_on_platform
Expect: 3 rows in shop_data.duckdb; without SHOP_DBT_JOB (and the connection dbt_cloud_default) the job is skipped.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.dbt.cloud.hooks.dbt import DbtCloudHook
from airflow.providers.dbt.cloud.operators.dbt import DbtCloudRunJobOperator
from airflow.sdk import dag, task

JOB = os.environ.get("SHOP_DBT_JOB")


@dag(
    schedule="0 6 * * *",
    start_date=pendulum.datetime(2026, 1, 1),
    max_active_runs=1,  # two runs would share dlt's folder and its cursor, and adopt each other's run of the job
    tags=["shop", "dbt"],
)
def refresh_on_platform() -> None:
    """dlt, then dbt where the job lives."""

    @task
    def load_orders() -> int:
        """Rows that were new or changed; dlt is imported here, for its import would cost a second at every parse."""
        os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
        import dlt

        @dlt.resource(primary_key="order_id", write_disposition="merge")
        def orders(changed=dlt.sources.incremental("updated_at")):  # noqa: B008
            yield json.loads(Path(os.environ.get("SHOP_ORDERS", Path(__file__).parent / "orders.json")).read_text())

        pipeline = dlt.pipeline(
            "shop",
            pipelines_dir=os.environ.get("SHOP_DLT_DIR", "dlt_pipelines"),  # else ~/.dlt, shared by all
            destination=dlt.destinations.duckdb(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")),
            dataset_name="raw_shop",
        )
        pipeline.run(orders())
        return pipeline.last_trace.last_normalize_info.row_counts.get("orders", 0)

    @task.short_circuit
    def has_job() -> bool:
        """Whether this deployment has a job to start; else what follows is skipped and the run stays green."""
        return JOB is not None

    run_job = DbtCloudRunJobOperator(
        task_id="run_job",
        job_id=int(JOB or 0),
        trigger_reason="orders of {{ run_id }}",
        check_interval=30,
        execution_timeout=timedelta(hours=2),  # cancels the run; `timeout` only stops waiting for it
        deferrable=True,
        reuse_existing_run=True,  # a second try waits for the run that the first one started
        retry_from_failure=True,
        retries=2,
        retry_delay=timedelta(minutes=1),
    )

    @task
    def list_warnings(job_run: int) -> list[str]:
        """Nodes that did not pass; a warning leaves the job's run green."""
        found = DbtCloudHook().get_job_run_artifact(job_run, "run_results.json").json()["results"]
        return [each["unique_id"] for each in found if each["status"] not in ("success", "pass")]

    load_orders() >> has_job() >> run_job
    list_warnings(run_job.output)


refresh_on_platform()
