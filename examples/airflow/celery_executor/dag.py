"""Load files on Celery workers so that a worker that dies in the middle loses nothing.

What: retries (a dead worker costs a try) and a load that can start again (one file, one target, replaced whole).
When: more machines than one, without Kubernetes; not for tasks that may not run twice: a dead worker's task does.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test load_on_workers
Expect: four files in shop_loaded/; the test kills one of two workers and finds the same four.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag, task

FILES = ["bern.csv", "oslo.csv", "riga.csv", "rome.csv"]


@dag(schedule=None, tags=["shop"])
def load_on_workers() -> None:
    """SHOP_HOLD names a file that the loads wait for, so that a test can kill a worker in the middle."""

    @task(retries=2, retry_delay=timedelta(seconds=1))
    def load(file: str) -> str:
        target = Path(os.environ.get("SHOP_LOADED", "shop_loaded")) / file
        target.parent.mkdir(exist_ok=True)
        worker = os.environ.get("SHOP_WORKER", "local")
        part = target.with_suffix(f".{worker}.part")
        part.write_text(worker)
        while (hold := os.environ.get("SHOP_HOLD")) and not Path(hold).exists():
            time.sleep(0.2)
        part.replace(target)  # a half-written file never has the target's name
        return worker

    load.expand(file=FILES)


load_on_workers()
