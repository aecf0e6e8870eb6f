import pendulum
from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue, dag, task


class ApplesSensor(BaseSensorOperator):
    """Waits until enough has been counted."""

    def poke(self, context: Context) -> PokeReturnValue:
        return PokeReturnValue(is_done=True, xcom_value={"rows": 17})


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def wait_for_apples():
    landed = FileSensor(task_id="landed", filepath="/data/north/apples.csv", poke_interval=17, timeout=1100)
    morning = DateTimeSensor(task_id="morning", target_time="{{ ds }}T06:00:00", mode="reschedule")
    complete = ApplesSensor(task_id="complete", poke_interval=13, mode="reschedule", soft_fail=True)

    @task
    def read() -> int:
        return 11

    [landed, morning, complete] >> read()


pipeline = wait_for_apples()
assert pipeline.get_task("read").upstream_task_ids == {"landed", "morning", "complete"}
assert pipeline.get_task("complete").poke({}).xcom_value["rows"] == 17
