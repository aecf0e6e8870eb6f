"""Total each shop's order file in a task instance of its own, and report which files are missing from the sum.

What: one named instance per file that is there at run time; results carry their key, because positions shift.
When: a few to a thousand independent pieces that deserve a retry and a log each; not rows, and not for steps that differ.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test dynamic_task_mapping
Expect: instances total[bern.csv], [oslo.csv], [turin.csv]; XCom of report {"bern.csv": 1749, ...}. A bad file fails alone.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from airflow.sdk import TriggerRule, dag, task


def orders_folder() -> Path:
    """Where the order files lie; read in the task, so that parsing the DAG looks at no data."""
    return Path(os.environ.get("SHOP_ORDERS", Path(__file__).parent / "orders"))


@dag(schedule=None, tags=["shop"])
def dynamic_task_mapping() -> None:
    """Files to totals to one report."""

    @task
    def list_files() -> list[str]:
        return sorted(path.name for path in orders_folder().glob("*.csv"))

    # The template reads the argument: a label that the task itself sets is missing when the task fails early.
    @task(map_index_template="{{ task.op_kwargs['file'] }}", max_active_tis_per_dagrun=4)
    def total(file: str, fee: int) -> dict[str, str | int]:
        with (orders_folder() / file).open(newline="") as lines:
            return {"file": file, "cents": fee + sum(int(row["cents"]) for row in csv.DictReader(lines))}

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report(files: list[str], totals: Iterable[dict]) -> dict[str, int]:
        # A run cleared after a file was taken away still holds the XCom of the instance that was removed.
        found = {each["file"]: each["cents"] for each in totals if each["file"] in files}
        if missing := sorted(set(files) - set(found)):
            raise ValueError(f"no total for {missing}; the others: {found}")
        return found

    files = list_files()
    report(files, total.partial(fee=0).expand(file=files))


dynamic_task_mapping()
