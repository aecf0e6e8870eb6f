"""Read orders from a service that the deployment chooses, with a token that only the running task sees.

What: a resource built inside the task: a file when SHOP_DEPLOYMENT is `local`, an Airflow connection when `prod`.
When: every outside system; not for values that shape the DAG: the dag-processor has no task's secrets.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test sum_orders
Expect: XCom 11649 from orders.json; with SHOP_DEPLOYMENT=prod and no connection, a failure that names it.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from airflow.sdk import Connection, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

ORDERS_FILE = Path(__file__).parent / "orders.json"
CONNECTION_ID = "shop_api"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OrderService:
    """Where orders come from; the token is left out of `repr`, so a logged resource shows none."""

    url: str
    token: str = field(default="", repr=False)

    def read_orders(self) -> list[dict[str, int]]:
        """All orders, amounts in cents."""
        request = Request(self.url, headers={"Authorization": f"Bearer {self.token}"})
        with urlopen(request, timeout=10) as response:
            return json.load(response)


def open_order_service() -> OrderService:
    """Choose the service of this deployment; a missing connection fails the task at once, retries or not."""
    deployment = os.environ.get("SHOP_DEPLOYMENT", "local")
    if deployment == "local":
        return OrderService(ORDERS_FILE.as_uri())
    try:
        connection = Connection.get(CONNECTION_ID)
    except AirflowNotFoundException:
        variable = f"AIRFLOW_CONN_{CONNECTION_ID.upper()}"
        raise AirflowFailException(f"{deployment}: set {variable} for the worker, or add {CONNECTION_ID!r}") from None
    return OrderService(f"{connection.host}/orders", connection.password or "")


@dag(schedule=None, tags=["shop"], default_args={"retries": 3})
def sum_orders() -> None:
    """The connection is looked up where it is used: never at parse time, never as a task argument."""

    @task
    def total_cents() -> int:
        service = open_order_service()
        log.info("reading orders from %s", service)
        return sum(order["amount_cents"] for order in service.read_orders())

    total_cents()


sum_orders()
