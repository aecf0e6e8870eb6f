import pendulum
from airflow.sdk import dag, task


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def apples_only_if_new():
    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def something_new() -> bool:
        return 17 > 11

    @task.skip_if(lambda context: context["dag_run"].run_type == "backfill", skip_message="not for a backfill")
    @task
    def publish() -> str:
        return "north"

    @task(trigger_rule="all_done")
    def tidy_up() -> None:
        print("apples are tidy")

    something_new() >> publish() >> tidy_up()


pipeline = apples_only_if_new()
assert pipeline.get_task("tidy_up").trigger_rule == "all_done"
assert pipeline.get_task("publish").upstream_task_ids == {"something_new"}
