"""Hand an order file from task to task as a path, and only the sum as a value.

What: an ObjectStoragePath is the XCom; the rows stay in storage (a local folder here, a bucket by another URL).
When: anything larger than a few kilobytes, and whatever JSON does not carry; small values go as they are.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test xcom_and_object_storage
Expect: shop_storage/<run id>/orders.csv below the current folder; XCom of total {"cents": "25.49", "rows": 3}.
"""

from __future__ import annotations

import csv
import os
from decimal import Decimal
from pathlib import Path

from airflow.sdk import ObjectStoragePath, dag, task


def storage() -> ObjectStoragePath:
    """The folder or bucket that runs write below; `s3://aws_default@bucket/key` takes its keys from that connection."""
    return ObjectStoragePath(os.environ.get("SHOP_STORAGE", (Path.cwd() / "shop_storage").as_uri()))


@dag(schedule=None, tags=["shop"])
def xcom_and_object_storage() -> None:
    """One file per run id, so that a retry writes the same object again."""

    @task
    def extract(run_id: str | None = None) -> ObjectStoragePath:
        folder = storage() / run_id.replace(":", "-").replace("+", "-")
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / "orders.csv"
        target.write_text(Path(__file__).with_name("orders.csv").read_text())
        return target

    @task
    def total(orders: ObjectStoragePath) -> dict[str, str | int]:
        with orders.open("r") as lines:
            cents = [int(row["cents"]) for row in csv.DictReader(lines)]
        return {"cents": str(Decimal(sum(cents)) / 100), "rows": len(cents)}  # a Decimal would travel as a float

    total(extract())


xcom_and_object_storage()
