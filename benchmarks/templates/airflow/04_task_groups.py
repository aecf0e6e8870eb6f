import pendulum
from airflow.sdk import DAG, TaskGroup, chain, task

with DAG(
    dag_id="grouped_apples",
    schedule="@weekly",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    default_args={"retries": 3, "owner": "north"},
) as pipeline:

    @task
    def begin() -> str:
        return "north"

    @task
    def work(number: int) -> int:
        return number * 17

    with TaskGroup("apples", tooltip="one task per shelf") as shelves:
        first = work.override(task_id="shelf_1")(11)
        second = work.override(task_id="shelf_2")(13)
        first >> second

    chain(begin(), shelves)

assert set(pipeline.task_ids) == {"begin", "apples.shelf_1", "apples.shelf_2"}
assert pipeline.get_task("apples.shelf_1").owner == "north"
