"""Print the amount of an invoice with the shop's own template macro, and note the failure of one without an amount.

What: a plugin with a macro, a listener that is told of every failed try in every DAG, and a page at the API server.
When: what all DAGs of a deployment share, or what only a process start can add; a function of one DAG needs no plugin.
Run: AIRFLOW__CORE__PLUGINS_FOLDER=plugins SHOP_FAILURES=failures.txt
    AIRFLOW__CORE__DAGS_FOLDER=$PWD/invoices.py airflow dags test custom_plugin
Expect: XCom of invoice "EUR 19.99"; --conf '{"cents": 0}' fails, and failures.txt has a line for the try and one for the retry.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task


@dag(schedule=None, params={"cents": 1999}, tags=["shop"])
def custom_plugin() -> None:
    """The macro is rendered in the worker: nothing here needs the plugin while the file is parsed."""

    @task(retries=1, retry_delay=timedelta(0))
    def invoice(amount: str) -> str:
        if amount == "EUR 0.00":
            raise ValueError("an invoice without an amount")
        return amount

    invoice("{{ macros.shop.price(params.cents) }}")


custom_plugin()
