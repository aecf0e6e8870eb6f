import pendulum
from airflow.sdk import dag, task, task_group


@task
def clean(region: str) -> str:
    return region.strip().lower()


@task
def store(region: str) -> int:
    return len(region) + 17


@dag(schedule="@hourly", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), dagrun_timeout=pendulum.duration(minutes=13))
def apples_by_region():
    @task_group(default_args={"retries": 3})
    def one_region(region: str):
        return store(clean(region))

    one_region.override(group_id="north")("north ")
    one_region.override(group_id="elsewhere")("elsewhere ")


pipeline = apples_by_region()
assert set(pipeline.task_ids) == {"north.clean", "north.store", "elsewhere.clean", "elsewhere.store"}
assert pipeline.get_task("north.store").retries == 3
