"""Tie each run to the commit of the DAG folder that it began with.

What: a DAG whose price changes with a commit, and the settings of a git bundle that serves it, in bundles.json.
When: runs must be repeatable as they were; with a folder on disk (LocalDagBundle) every try runs what lies there now.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test dag_bundles_invoice
Expect: the task invoice returns 300; the test commits another price and shows which run takes which.
"""

from __future__ import annotations

from airflow.sdk import dag, task

CENTS = 100  # another commit, another price


@dag(schedule=None, tags=["shop"])
def dag_bundles_invoice() -> None:
    """One figure that tells which version of this file made it."""

    @task
    def invoice() -> int:
        return 3 * CENTS

    invoice()


dag_bundles_invoice()
