"""Find out where a connection comes from: the same task, whatever back end, environment or database holds it.

What: one lookup at run time; `shop_vault.py` is a back end of our own, `local_secrets.yaml` feeds Airflow's for files.
When: secrets that rotate or that a platform mounts; not for values that shape the DAG (read those from a file).
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test show_shop
Expect: XCom ["", 0]; ["files.example", 8443] with AIRFLOW__SECRETS__BACKEND as the test sets it.
"""

from __future__ import annotations

from airflow.sdk import Connection, Variable, dag, task
from airflow.sdk.exceptions import AirflowNotFoundException


@dag(schedule=None, tags=["shop"])
def show_shop() -> None:
    """The host and port only: an XCom is never masked."""

    @task
    def address() -> list[str | int]:
        try:
            shop = Connection.get("shop_till")
        except AirflowNotFoundException:
            return ["", 0]
        return [shop.host or "", shop.port or int(Variable.get("shop_port", default="0"))]

    address()


show_shop()
