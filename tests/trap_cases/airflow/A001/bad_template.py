"""An export of orders, started by the asset that it reads."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset

with DAG("export", schedule=[Asset("orders")]):
    BashOperator(task_id="write", bash_command="echo orders/{{ ds }}.csv")  # found
