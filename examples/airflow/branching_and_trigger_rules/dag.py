"""Load a day's orders in full or as a difference, join the two ways, tidy up in any case, and fail when a task failed.

What: a branch whose join runs, a day off by `skip_if`, a gate that lets the last step run, and a watcher task.
When: ways that differ in their steps; for two values of one argument use a plain `if` in one task.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test branching_and_trigger_rules
Expect: load_changes, publish and tidy_up succeed, load_all is skipped; with --conf '{"full": true}' the other way.
"""

from __future__ import annotations

from airflow.sdk import Context, TriggerRule, dag, task


def shop_is_closed(context: Context) -> tuple[bool, str]:
    """The condition runs in the worker, with the context; the text is the reason in the log."""
    return context["params"]["closed"], "the shop is closed"


@dag(schedule=None, params={"full": False, "closed": False, "orders": 2, "broken": False}, tags=["shop"])
def branching_and_trigger_rules() -> None:
    """Choose, load one way, join, announce if there is anything, tidy up, watch."""

    @task.branch
    def choose_load(params: dict | None = None) -> str:
        return "load_all" if params["full"] else "load_changes"

    @task
    def load_all() -> None: ...

    @task
    def load_changes(params: dict | None = None) -> None:
        if params["broken"]:
            raise ValueError("no connection")

    @task.skip_if(shop_is_closed)
    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def publish() -> None: ...

    @task.short_circuit(ignore_downstream_trigger_rules=False)  # else tidy_up would be skipped, too
    def any_orders(params: dict | None = None) -> bool:
        return params["orders"] > 0

    @task
    def announce() -> None: ...

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def tidy_up() -> None: ...

    @task(trigger_rule=TriggerRule.ONE_FAILED)
    def watcher() -> None:
        raise RuntimeError("a task of this run failed")

    ways, published, last = [load_all(), load_changes()], publish(), tidy_up()
    choose_load() >> ways >> published >> any_orders() >> announce() >> last
    [*ways, published, last] >> watcher()


branching_and_trigger_rules()
