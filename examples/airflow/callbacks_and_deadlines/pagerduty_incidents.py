"""Page by PagerDuty's own notifier: one incident per DAG however often it fails, resolved by its next success.

What: the provider's `PagerdutyNotifier` with one deduplication key, for tasks that fail and for the run that succeeds.
When: PagerDuty in its US region, a DAG with one run at a time; `dag.py` has one incident per run, for any pager.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/pagerduty_incidents.py airflow dags test load_with_pagerduty
Expect: two loads; the resolve event is sent by a deployment with AIRFLOW_CONN_SHOP_PAGERDUTY only, not by `dags test`.
"""

from __future__ import annotations

from airflow.providers.pagerduty.notifications.pagerduty import PagerdutyNotifier
from airflow.sdk import dag, task


def event(action: str, severity: str, summary: str) -> PagerdutyNotifier:
    """A new notifier for each place: it renders over its own attributes.

    The connection's type is `pagerduty_events`, its password the integration key: masked, and not in the DAG file.
    """
    return PagerdutyNotifier(
        pagerduty_events_conn_id="shop_pagerduty",
        dedup_key="{{ dag.dag_id }}",
        action=action,
        severity=severity,
        summary="{{ (" + summary + ")[:1024] }}",  # PagerDuty refuses a longer one, and the incident with it
    )


@dag(
    schedule=None,
    max_active_runs=1,  # else the success of one run resolves the incident of another that failed
    default_args={"on_failure_callback": event("trigger", "critical", "ti.task_id ~ ' failed: ' ~ exception")},
    on_success_callback=event("resolve", "info", "run_id ~ ' is done'"),
    params={"broken": []},
    tags=["shop"],
)
def load_with_pagerduty() -> None:
    """`broken` stands for files that cannot be read."""

    @task
    def load(file: str, params: dict | None = None) -> str:
        if params and file in params["broken"]:
            raise ValueError(f"no header in {', '.join(params['broken'])}")
        return file

    load.expand(file=["bern.csv", "oslo.csv"])


load_with_pagerduty()
