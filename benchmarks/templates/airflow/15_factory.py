import pendulum
from airflow.sdk import DAG, task

SOURCES = {"apples": 11, "apples_returned": 13, "apples_planned": 17}


def build_dag(source: str, limit: int) -> DAG:
    """One DAG per source, all alike."""
    with DAG(
        dag_id=f"north_{source}",
        schedule="@daily",
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        tags=["generated"],
    ) as made:

        @task
        def extract() -> list[int]:
            return list(range(limit))

        @task
        def load(rows: list[int]) -> int:
            return len(rows)

        load(extract())
    return made


for source, limit in SOURCES.items():
    globals()[f"north_{source}"] = build_dag(source, limit)

assert {name for name in globals() if name.startswith("north_")} == {f"north_{source}" for source in SOURCES}
