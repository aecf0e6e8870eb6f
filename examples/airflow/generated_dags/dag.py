"""Make one DAG per shop from a list that is deployed with the code.

What: a function that makes a DAG, called in a stable order with ids from the list; no data is read but that file.
When: shops differ in schedule, owner or pause; for the same work over many inputs of a run, map a task instead.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test generated_dags_bern
Expect: DAGs generated_dags_bern and generated_dags_oslo; XCom of price "CHF".
"""

from __future__ import annotations

import json
from pathlib import Path

import pendulum
from airflow.sdk import DAG, task

SHOPS_FILE = Path(__file__).with_name("shops.json")


def make_dag(shop: str, schedule: str, currency: str) -> DAG:
    """Everything a task needs comes in as an argument: a task that read the loop's variable would see its last value."""
    with DAG(f"generated_dags_{shop}", schedule=schedule, start_date=pendulum.datetime(2026, 1, 1), tags=["shop", shop]) as dag:

        @task
        def price() -> str:
            return currency

        price()
    return dag


for name, settings in sorted(json.loads(SHOPS_FILE.read_text()).items()):
    make_dag(name, **settings)
