"""A DAG for orders and one for customers, of which one was copied."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("load_orders", schedule="@daily"):
    EmptyOperator(task_id="orders")

with DAG("load_customers", schedule="@daily"):
    EmptyOperator(task_id="customers")
