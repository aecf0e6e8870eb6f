"""A task that must not run beside its like."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("limited", schedule=None):
    BashOperator(task_id="load", bash_command="true", pool="warehouse")  # found
