import pendulum
from airflow.sdk import dag, task


@dag(
    dag_id="north_apples",
    schedule="13 11 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["north", "apples"],
)
def north_apples():
    @task(retries=3)
    def extract() -> list[int]:
        return list(range(17))

    @task
    def transform(apples: list[int]) -> list[int]:
        return [apple * 11 for apple in apples]

    @task
    def load(apples: list[int]) -> None:
        print(f"{len(apples)} rows written")

    load(transform(extract()))


pipeline = north_apples()
assert pipeline.get_task("transform").upstream_task_ids == {"extract"}
