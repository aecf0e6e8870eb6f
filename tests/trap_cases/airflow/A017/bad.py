"""The day of the run, in a command."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("load", schedule="@daily"):
    BashOperator(task_id="load", bash_command="echo {{ execution_date }}")  # found
