"""One small and one big value, for the test of the object-storage back end, which is chosen while Airflow is imported."""

from airflow.sdk import DAG, task

with DAG("xcom_and_object_storage_sizes"):

    @task
    def small() -> str:
        return "x" * 10

    @task
    def big() -> str:
        return "x" * 5000

    @task
    def lengths(values: list[str]) -> list[int]:
        return [len(value) for value in values]

    lengths([small(), big()])
