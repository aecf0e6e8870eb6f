"""An orders pipeline of Airflow 2 after its move to Airflow 3: same dates, same table, no metadata database.

What: the interval of the day before, runs counted through the task's own API, a task group for the SubDAG, a deadline.
When: a project that must give the same rows on both versions. A new DAG needs neither the interval nor catchup.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test migrated_orders 2026-03-05
Expect: one row in daily_revenue of shop_data.duckdb, for 2026-03-04, the day before the run.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    DAG,
    Asset,
    AsyncCallback,
    CronDataIntervalTimetable,
    DeadlineAlert,
    DeadlineReference,
    TaskGroup,
    Variable,
    task,
)

SLACK = "airflow.providers.slack.notifications.slack_webhook"
DAILY_REVENUE = Asset("daily_revenue", uri="file://shop/daily_revenue")
LATE = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT,
    interval=timedelta(hours=1),
    callback=AsyncCallback(f"{SLACK}.SlackWebhookNotifier", {"text": "orders are late"}),
)

# Airflow 2's `{{ ds }}` was the start of the interval; so it is with this timetable, not with "@daily".
with DAG(
    "migrated_orders",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=pendulum.datetime(2026, 3, 1),
    catchup=True,
    max_active_runs=1,
    deadline=LATE if os.environ.get("SHOP_DEPLOYMENT") == "production" else None,  # dag.test() cannot end a run with one
) as dag:
    start = EmptyOperator(task_id="start")

    @task
    def earlier_runs(ti=None) -> int:
        """Runs of this DAG, asked of the API server: a task has no session."""
        return ti.get_dr_count("migrated_orders")

    @task(outlets=[DAILY_REVENUE])
    def load(data_interval_start=None, data_interval_end=None) -> dict:
        """The day's revenue; the date after it is the interval's end, which was `next_ds`."""
        import csv

        import duckdb

        day = f"{data_interval_start:%Y-%m-%d}"
        with (Path(os.environ.get("SHOP_LANDING", Path(__file__).parent)) / "orders.csv").open() as lines:
            rows = [row for row in csv.DictReader(lines) if row["day"] == day]
        minimum = int(Variable.get("minimum_cents", default=0))
        cents = sum(int(row["cents"]) for row in rows if int(row["cents"]) >= minimum)
        with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
            shop.execute("CREATE TABLE IF NOT EXISTS daily_revenue (day TEXT PRIMARY KEY, cents BIGINT)")
            shop.execute("INSERT OR REPLACE INTO daily_revenue VALUES (?, ?)", [day, cents])
        return {"day": day, "next": f"{data_interval_end:%Y-%m-%d}", "cents": cents}

    with TaskGroup("checks") as checks:
        EmptyOperator(task_id="checked")

    tell = BashOperator(task_id="tell", bash_command="echo loaded {{ ds }}, next {{ data_interval_end | ds }}")
    start >> earlier_runs() >> load() >> checks >> tell
