"""A call that fails now and then."""

from airflow.sdk import DAG, task

with DAG("call", schedule=None, default_args={"retries": 2}):

    @task
    def ask(ti) -> int:
        if ti.try_number < 3:
            raise ConnectionError("try again")
        return 1

    ask()
