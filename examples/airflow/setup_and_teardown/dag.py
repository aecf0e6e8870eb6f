"""Copy two shops' orders through a scratch table each, and drop the scratch tables whatever happens.

What: a task group mapped over shops, with a setup and a teardown that holds the run responsible for what it leaves.
When: something costs or blocks while it exists (cluster, table, lock); for a file use a `with` in one task.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test setup_and_teardown
Expect: 2 instances of copy_shop.create, .copy and .drop; XCom of total 1749; --conf '{"broken": "oslo"}' still drops both.
"""

from __future__ import annotations

import os

from airflow.sdk import dag, setup, task, task_group, teardown

CENTS = {"bern": 1250, "oslo": 499}


def run_in_shop(statement: str) -> list[tuple]:
    """Run one statement in the shop's database; import and open it only in a running task."""
    import duckdb

    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
        return shop.execute(statement).fetchall()


@dag(schedule=None, params={"broken": "", "undroppable": ""}, max_active_tasks=1, tags=["shop"])
def setup_and_teardown() -> None:
    """Each shop's three tasks belong together; `total` waits for the copies, not for the teardowns."""

    @task_group
    def copy_shop(shop: str) -> None:
        @setup
        def create(shop: str) -> str:
            run_in_shop(f"CREATE OR REPLACE TABLE scratch_{shop} AS SELECT {CENTS[shop]} AS cents")
            return f"scratch_{shop}"

        @task
        def copy(table: str, params: dict | None = None) -> int:
            if table == f"scratch_{params['broken']}":
                raise ValueError(f"cannot read {table}")
            return run_in_shop(f"SELECT sum(cents)::INTEGER FROM {table}")[0][0]

        @teardown(on_failure_fail_dagrun=True)
        def drop(table: str, params: dict | None = None) -> None:
            if table == f"scratch_{params['undroppable']}":
                raise ValueError(f"{table} is left over")
            run_in_shop(f"DROP TABLE IF EXISTS {table}")

        table = create(shop)
        copied = copy(table)
        copied >> drop(table)  # with the setup's value as argument this also means setup >> teardown
        return copied

    @task
    def total(cents: list[int]) -> int:
        return sum(cents)

    total(copy_shop.expand(shop=list(CENTS)))


setup_and_teardown()
