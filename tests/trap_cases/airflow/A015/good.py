"""A script that lies elsewhere."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("load", schedule=None):
    BashOperator(task_id="load", bash_command="echo load.sh ")
