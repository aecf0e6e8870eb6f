"""Count the lines of an order file in Bash, check the count in an operator of the shop's own, and report it with TaskFlow.

What: outputs and dependencies across Bash, a custom operator with its hook, and a Python task.
When: an operator where several DAGs need the same step with templated settings; for one DAG a Python task is shorter.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test classic_operators
Expect: XCom of report "orders.csv: 3 orders at http://localhost"; --conf '{"file": "none.csv"}' skips all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, BaseHook, BaseOperator, Context, task
from airflow.sdk.exceptions import AirflowNotFoundException


class ShopHook(BaseHook):
    """The shop's service; reads its connection when it is used, never while the DAG is parsed."""

    def __init__(self, shop_conn_id: str = "shop_service") -> None:
        super().__init__()
        self.shop_conn_id = shop_conn_id

    def get_conn(self) -> str:
        """The service's address; without a connection the local one."""
        try:
            return self.get_connection(self.shop_conn_id).host or ""
        except AirflowNotFoundException:
            return "http://localhost"


class CheckCountOperator(BaseOperator):
    """Fail unless `count` is at least `minimum`; returns the count and where it was reported.

    `__init__` only stores: templates are rendered and outputs of other tasks resolved after it, under these names.
    """

    template_fields: Sequence[str] = ("count", "shop_conn_id")

    def __init__(self, *, count: Any, minimum: int = 1, shop_conn_id: str = "shop_service", **options: Any) -> None:
        super().__init__(**options)
        self.count = count
        self.minimum = minimum
        self.shop_conn_id = shop_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Runs in the worker, with `count` rendered."""
        if int(self.count) < self.minimum:
            raise ValueError(f"{self.count} orders, at least {self.minimum} expected")
        return {"orders": int(self.count), "reported_to": ShopHook(self.shop_conn_id).get_conn()}


with DAG("classic_operators", schedule=None, params={"file": "orders.csv"}, tags=["shop"]):
    count = BashOperator(
        task_id="count_orders",
        # The file's name comes from outside: as a variable it is data, in the command it would be code.
        bash_command='set -euo pipefail\n[ -f "$FOLDER/$FILE" ] || exit 99\ntail -n +2 "$FOLDER/$FILE" | wc -l | tr -d " "',
        env={"FOLDER": str(Path(__file__).parent), "FILE": "{{ params.file }}"},
        append_env=True,
    )
    check = CheckCountOperator(task_id="check_count", count=count.output)

    @task
    def report(checked: dict[str, Any], params: dict[str, Any] | None = None) -> str:
        return f"{params['file']}: {checked['orders']} orders at {checked['reported_to']}"

    report(check.output)
