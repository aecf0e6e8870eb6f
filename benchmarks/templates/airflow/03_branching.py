import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import dag, task


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), tags=["apples"])
def choose_apples_path():
    @task
    def count() -> int:
        return 17

    @task.branch
    def choose(rows: int) -> str:
        return "full_load" if rows > 11 else "small_load"

    full = EmptyOperator(task_id="full_load")
    small = EmptyOperator(task_id="small_load")
    joined = EmptyOperator(task_id="north_done", trigger_rule="none_failed_min_one_success")

    choose(count()) >> [full, small] >> joined


pipeline = choose_apples_path()
assert pipeline.get_task("choose").downstream_task_ids == {"full_load", "small_load"}
assert len(pipeline.get_task("north_done").upstream_task_ids) == 2
