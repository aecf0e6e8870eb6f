import pendulum
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import TriggerRule, dag, task


@dag(schedule="13 11 * * *", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=True)
def apples_controller():
    newest = LatestOnlyOperator(task_id="newest")
    start = TriggerDagRunOperator(
        task_id="start_north",
        trigger_dag_id="north_apples",
        conf={"limit": 17, "day": "{{ ds }}"},
        wait_for_completion=True,
        poke_interval=13,
        deferrable=False,
    )

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report() -> str:
        return "apples were started"

    newest >> start >> report()


pipeline = apples_controller()
assert pipeline.get_task("start_north").conf["limit"] == 17
assert pipeline.get_task("report").trigger_rule == TriggerRule.ALL_DONE
