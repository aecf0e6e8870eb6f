"""Start a run with checked parameters: by schedule with defaults, from the form of the UI, by command or by the API.

What: params with types and bounds; Airflow refuses a bad value before a run exists, the task gets typed values.
When: values a person or a program chooses for one run; settings of a deployment are Variables or the environment.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test params_and_config_export -c '{"limit": 2}'
Expect: `select` returns the 2 largest orders: [[1, 1250], [3, 700]].
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

ORDERS = [[1, 1250], [2, 499], [3, 700]]
PARAMS = {
    "limit": Param(3, type="integer", minimum=1, maximum=100, title="How many orders", description="The largest first."),
    "channel": Param("shop", enum=["shop", "market"], values_display={"shop": "Our shop", "market": "Market place"}),
    "since": Param(None, type=["null", "string"], format="date", title="Placed on or after"),
    "recipients": Param([], type="array", items={"type": "string", "format": "idn-email"}),
}


@dag(schedule="0 6 * * *", params=PARAMS, render_template_as_native_obj=True, tags=["shop"])
def params_and_config_export() -> None:
    """Each param has a default: a DAG with a schedule must not have a required one."""

    @task
    def select(limit: int, params: dict[str, Any] | None = None) -> list[list[int]]:
        assert params is not None
        assert limit == params["limit"], "the template gives the number, not its text"
        return sorted(ORDERS, key=lambda order: -order[1])[:limit]

    select(limit="{{ params.limit }}")


params_and_config_export()
