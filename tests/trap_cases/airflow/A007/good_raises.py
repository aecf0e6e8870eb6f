"""A load, and a report that follows in any case and fails where something is missing."""

from airflow.sdk import DAG, task


def alert(context) -> None:
    """Told of a run that failed."""


with DAG("load", schedule=None, on_failure_callback=alert):

    @task
    def load() -> int:
        raise ValueError("no orders")

    @task(trigger_rule="all_done")
    def report(count: int | None = None) -> None:
        if count is None:
            raise ValueError("not loaded")

    report(load())
