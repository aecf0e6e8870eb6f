"""Run one task on a machine at the edge, which reaches Airflow by HTTP alone, and the others beside the scheduler.

What: a task that names its executor and its queue; settings of a deployment with LocalExecutor and Edge.
When: a shop's own network that nobody may enter from outside. Machines that share a broker are Celery's.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test edge_executor_count
Expect: green here, in one process; the test starts a worker whose environment holds no database and no broker.
"""

from __future__ import annotations

import os

from airflow.sdk import dag, task

# A file that names an executor loads only where that executor is configured: the name comes from the deployment.
EDGE = os.environ.get("SHOP_EDGE_EXECUTOR")


@dag(schedule=None, tags=["shop"])
def edge_executor_count() -> None:
    """Where each task ran."""

    @task(executor=EDGE, queue="bern" if EDGE else "default")
    def count() -> str:
        return os.environ.get("SHOP_MACHINE", "this machine")

    @task
    def report(machine: str) -> list[str]:
        return [machine, os.environ.get("SHOP_MACHINE", "this machine")]

    report(count())


edge_executor_count()
