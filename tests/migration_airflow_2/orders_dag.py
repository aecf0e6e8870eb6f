"""The orders pipeline as Airflow 2.x ran it."""

from datetime import timedelta

from airflow import DAG
from airflow.datasets import Dataset
from airflow.models import DagRun, Variable
from airflow.operators.bash import BashOperator
from airflow.operators.dummy import DummyOperator
from airflow.operators.python import PythonOperator
from airflow.operators.subdag import SubDagOperator
from airflow.utils.dates import days_ago
from airflow.utils.session import provide_session

DAILY_REVENUE = Dataset("file://shop/daily_revenue")


@provide_session
def earlier_runs(session=None, **context):
    return session.query(DagRun).filter(DagRun.dag_id == "migrated_orders").count()


def load(execution_date, **context):
    import csv
    import os
    from pathlib import Path

    import duckdb

    day = execution_date.strftime("%Y-%m-%d")
    with (Path(os.environ["SHOP_LANDING"]) / "orders.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["day"] == day]
    minimum = int(Variable.get("minimum_cents", default_var=0))
    cents = sum(int(row["cents"]) for row in rows if int(row["cents"]) >= minimum)
    with duckdb.connect(os.environ["SHOP_DATABASE"]) as shop:
        shop.execute("CREATE TABLE IF NOT EXISTS daily_revenue (day TEXT PRIMARY KEY, cents BIGINT)")
        shop.execute("INSERT OR REPLACE INTO daily_revenue VALUES (?, ?)", [day, cents])
    return {"day": day, "next": context["next_ds"], "cents": cents}


def checks(parent, name):
    with DAG(f"{parent}.{name}", schedule_interval="@daily", start_date=days_ago(7)) as subdag:
        DummyOperator(task_id="checked")
    return subdag


with DAG(
    "migrated_orders",
    schedule_interval="@daily",
    start_date=days_ago(7),
    concurrency=4,
    default_args={"sla": timedelta(hours=1)},
) as dag:
    start = DummyOperator(task_id="start")
    count = PythonOperator(task_id="earlier_runs", python_callable=earlier_runs)
    loaded = PythonOperator(task_id="load", python_callable=load, provide_context=True, outlets=[DAILY_REVENUE])
    checked = SubDagOperator(task_id="checks", subdag=checks("migrated_orders", "checks"))
    told = BashOperator(task_id="tell", bash_command="echo loaded {{ execution_date.strftime('%Y-%m-%d') }}, next {{ next_ds }}")
    start >> count >> loaded >> checked >> told
