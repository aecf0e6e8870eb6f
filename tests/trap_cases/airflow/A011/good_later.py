"""A DAG that gets a task behind its block: the same DAG, which Airflow then reads twice."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("load_orders", schedule="@daily") as dag:
    EmptyOperator(task_id="orders")

EmptyOperator(task_id="customers", dag=dag)
