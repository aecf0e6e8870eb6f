"""Look for files that landed, and give each a run of its own whose id is made of the file's name.

What: the run id is the key: the metadata database holds one run per id, so looking again never adds a second.
When: files that need a retry and a history each; archive them, for one look triggers at most 1024 (max_map_length).
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test watch_landing
Expect: queued runs load_order_file/file__orders-2026-03-02.csv and ...-03.csv; the second look adds none.
"""

from __future__ import annotations

import csv
import os
from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, task


def landing_folder() -> Path:
    """The folder that files land in; whoever writes there must rename complete files into it."""
    return Path(os.environ.get("SHOP_LANDING", Path(__file__).parent / "landing"))


@dag(schedule=timedelta(minutes=1), max_active_runs=1, tags=["shop"])
def watch_landing() -> None:
    """No cursor: every file is offered at every look, so neither a late nor a missed one is lost."""

    @task
    def look() -> list[dict[str, object]]:
        names = sorted(path.name for path in landing_folder().glob("*.csv"))
        return [{"trigger_run_id": f"file__{name}", "conf": {"file": name}} for name in names]

    TriggerDagRunOperator.partial(
        task_id="start_load",
        trigger_dag_id="load_order_file",
        logical_date=None,
        skip_when_already_exists=True,
    ).expand_kwargs(look())


@dag(schedule=None, max_active_runs=1, params={"file": "orders-2026-03-02.csv"}, tags=["shop"])
def load_order_file() -> None:
    """One file a run; clearing the run loads the file again and replaces its rows."""

    @task
    def load(params=None) -> int:
        import duckdb

        name = params["file"]
        with (landing_folder() / name).open(newline="") as lines:
            rows = [row | {"file": name} for row in csv.DictReader(lines)]
        with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as shop:
            shop.execute("CREATE TABLE IF NOT EXISTS landed_orders (order_id INTEGER PRIMARY KEY, cents INTEGER, file TEXT)")
            shop.executemany("INSERT OR REPLACE INTO landed_orders VALUES ($order_id, $cents, $file)", rows)
        return len(rows)

    load()


watch_landing()
load_order_file()
