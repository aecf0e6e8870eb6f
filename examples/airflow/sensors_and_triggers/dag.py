"""Wait for data without holding a worker: a sensor in reschedule mode, a deferrable task with an own trigger, a watcher.

What: reschedule for checks minutes apart, defer for short ones and many at once, a watcher where the event starts the run.
When: mode="poke" only for waits shorter than a start of a task: it holds a worker slot all the time.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py PYTHONPATH=$PWD airflow dags test sensors_and_triggers_wait
Expect: both waits end at once, for orders.csv has 2 orders; `report` returns [2, 2].
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, AssetWatcher, BaseOperator, PokeReturnValue, dag, task

sys.path.append(str(Path(__file__).parent))  # for this example; the triggerer needs the module on its own path
from landing_triggers import OrderFileGrew, OrdersLanded, count_orders

ORDERS_FILE = os.environ.get("SHOP_ORDERS", str(Path(__file__).parent / "orders.csv"))
LANDED = Asset(
    "sensors_and_triggers_orders",
    watchers=[AssetWatcher(name="sensors_and_triggers_growth", trigger=OrderFileGrew(path=ORDERS_FILE))],
)


class WaitForOrders(BaseOperator):
    """Look once, and defer only when there is something to wait for."""

    template_fields = ("path",)

    def __init__(self, path: str, minimum: int, **options: Any) -> None:
        super().__init__(**options)
        self.path, self.minimum = path, minimum

    def execute(self, context: Any) -> int:
        """Return the number of orders; short deferrals cost more than they save, so the first look is here."""
        if (found := count_orders(self.path)) >= self.minimum:
            return found
        trigger = OrdersLanded(self.path, self.minimum)
        self.defer(trigger=trigger, method_name="resume", kwargs={"wanted": self.minimum}, timeout=timedelta(hours=1))

    def resume(self, context: Any, event: dict[str, int], wanted: int) -> int:
        """In a new process: nothing that `execute` put on `self` is left."""
        if event["orders"] < wanted:
            raise ValueError(f"the trigger fired with {event['orders']} orders, wanted {wanted}")
        return event["orders"]


@dag(schedule=None, default_args={"retries": 1, "retry_delay": timedelta(0)}, tags=["shop"])
def sensors_and_triggers_wait() -> None:
    """A deferrable task keeps a retry: a short deferral can lose a race against the executor."""

    @task.sensor(mode="reschedule", poke_interval=300, timeout=3600)
    def landed() -> PokeReturnValue:
        found = count_orders(ORDERS_FILE)
        return PokeReturnValue(is_done=found > 0, xcom_value=found)

    @task
    def report(rescheduled: int, deferred: int) -> list[int]:
        return [rescheduled, deferred]

    report(landed(), WaitForOrders(task_id="wait", path=ORDERS_FILE, minimum=2).output)


@dag(schedule=LANDED, tags=["shop"])
def sensors_and_triggers_on_growth() -> None:
    """Read the file, not the payloads: of the growths before the scheduler's turn, the run is handed the first alone."""
    task(task_id="load")(lambda: count_orders(ORDERS_FILE))()
    task(task_id="told")(
        lambda triggering_asset_events=None: [e.extra["payload"] for es in triggering_asset_events.values() for e in es]
    )()


sensors_and_triggers_wait()
sensors_and_triggers_on_growth()
