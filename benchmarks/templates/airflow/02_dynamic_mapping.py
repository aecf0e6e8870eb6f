import pendulum
from airflow.sdk import dag, task


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), max_active_tasks=17)
def mapped_apples():
    @task
    def list_files() -> list[str]:
        return [f"north/apples-{number}.csv" for number in range(17)]

    @task(max_active_tis_per_dag=11)
    def count_lines(path: str, separator: str) -> int:
        return len(path.split(separator))

    @task(trigger_rule="none_failed")
    def add_up(counts: list[int]) -> int:
        return sum(counts)

    counted = count_lines.partial(separator=",").expand(path=list_files())
    add_up(counted)


pipeline = mapped_apples()
assert pipeline.get_task("count_lines").is_mapped
assert pipeline.get_task("add_up").upstream_task_ids == {"count_lines"}
