from typing import TypedDict

import pendulum
from airflow.sdk import Label, dag, task


class ApplesReport(TypedDict):
    rows: int
    region: str


@dag(schedule="@monthly", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), doc_md="How many apples, and where.")
def apples_report():
    @task(multiple_outputs=True)
    def count() -> ApplesReport:
        return {"rows": 17, "region": "north"}

    @task
    def write(rows: int, region: str) -> str:
        return f"{region}: {rows}"

    @task
    def send(text: str) -> None:
        print(text)

    report = count()
    written = write(rows=report["rows"], region=report["region"])
    written >> Label("13 readers") >> send(written)


pipeline = apples_report()
assert pipeline.get_edge_info("write", "send") == {"label": "13 readers"}
