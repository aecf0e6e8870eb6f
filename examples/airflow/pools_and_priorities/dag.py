"""Let one slow warehouse serve many tasks: a pool for the whole deployment, a priority for what must go first.

What: pool `warehouse` with weights of the tasks, a limit per task over all runs, one within a run.
When: a resource outside Airflow has a limit; not to order tasks (dependencies do) nor runs (max_active_runs does).
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test copy_tables
Expect: five copies and one report; `dag.test()` looks at no limit. Live, first: airflow pools set warehouse 2 "load".
"""

from __future__ import annotations

import os

from airflow.sdk import dag, task

POOL = os.environ.get("SHOP_POOL", "default_pool")


@dag(schedule=None, max_active_runs=4, max_active_tasks=8, tags=["shop"])
def copy_tables() -> None:
    """`absolute`: the default weight adds up all downstream tasks, so the longest chain wins, not the highest number."""

    @task(pool=POOL, weight_rule="absolute", priority_weight=10, max_active_tis_per_dag=3, max_active_tis_per_dagrun=2)
    def copy(table: str) -> str:
        return table

    @task(pool=POOL, weight_rule="absolute", priority_weight=100)
    def report() -> str:
        return "for the till"

    copy.expand(table=["orders", "prices", "shops", "staff", "stock"])
    report()


copy_tables()
