import pendulum
from airflow.sdk import dag, task, task_group


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"))
def apples_per_crate():
    @task
    def crates() -> list[str]:
        return [f"north-{number}" for number in range(17)]

    @task
    def weigh(crate: str) -> int:
        return len(crate) * 11

    @task
    def note(weight: int) -> None:
        print(f"{weight} kg of apples")

    @task_group
    def one_crate(crate: str):
        note(weigh(crate))

    one_crate.expand(crate=crates())


pipeline = apples_per_crate()
assert "one_crate.note" in pipeline.task_ids
assert pipeline.get_task("one_crate.weigh").upstream_task_ids == {"crates"}
