from collections.abc import Sequence
from typing import Any

import pendulum
from airflow.sdk import DAG, BaseOperator, Context


class CountApplesOperator(BaseOperator):
    """Counts what lies at a path; the path may be a template."""

    template_fields: Sequence[str] = ("path",)
    ui_color = "#aabb11"

    def __init__(self, *, path: str, at_least: int = 17, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.at_least = at_least

    def execute(self, context: Context) -> int:
        return max(len(self.path), self.at_least)


with DAG("counted_apples", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as pipeline:
    count = CountApplesOperator(task_id="count", path="north/{{ ds }}/apples.csv", pool="north", priority_weight=11)

assert count.template_fields == ("path",)
assert count.execute({}) >= 17
