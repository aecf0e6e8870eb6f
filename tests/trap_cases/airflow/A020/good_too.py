"""The load of the invoices."""

from airflow.sdk import DAG, task

with DAG("shop_invoices_apart", schedule=None):

    @task
    def invoices() -> int:
        return 1

    invoices()
