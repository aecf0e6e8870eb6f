"""The orders of one country, which is a variable."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Variable, dag


@dag(schedule=None)
def load() -> None:
    country = Variable.get("country", default="de")  # found
    BashOperator(task_id="load", bash_command=f"echo {country}")


load()
