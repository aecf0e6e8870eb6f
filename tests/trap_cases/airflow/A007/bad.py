"""A load, and a tidying that follows in any case."""

from airflow.sdk import DAG, task


def alert(context) -> None:
    """Told of a run that failed."""


with DAG("load", schedule=None, on_failure_callback=alert):

    @task
    def load() -> None:
        raise ValueError("no orders")

    @task
    def loaded() -> None:
        pass

    @task(trigger_rule="all_done")
    def tidy() -> None:  # found
        pass

    load() >> loaded() >> tidy()
