"""The orders of one country, which is a variable."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag


@dag(schedule=None)
def load() -> None:
    BashOperator(task_id="load", bash_command="echo {{ var.value.country }}")


load()
