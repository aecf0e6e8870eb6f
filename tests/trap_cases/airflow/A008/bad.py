"""A cluster that is made for a load, and deleted after it."""

from airflow.sdk import DAG, setup, task, teardown

with DAG("load", schedule=None):

    @setup
    def create() -> None:
        pass

    @task
    def load() -> None:
        pass

    @teardown
    def delete() -> None:  # found
        raise ConnectionError("the cluster is still there")

    @task
    def loaded() -> None:
        pass

    create() >> load() >> [loaded(), delete()]
