import pendulum
from airflow.sdk import dag, setup, task, teardown


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), tags=["north"])
def apples_on_a_cluster():
    @setup
    def start_cluster() -> str:
        return "north-17"

    @task(retries=3)
    def count_apples(cluster: str) -> int:
        return len(cluster) + 11

    @task
    def check_apples(rows: int) -> None:
        assert rows > 0

    @teardown(on_failure_fail_dagrun=True)
    def stop_cluster(cluster: str) -> None:
        print(f"stopping {cluster}")

    cluster = start_cluster()
    check_apples(count_apples(cluster)) >> stop_cluster(cluster)


pipeline = apples_on_a_cluster()
assert pipeline.get_task("start_cluster").is_setup
assert pipeline.get_task("stop_cluster").is_teardown
