"""Small DAGs beside the pattern: AND, OR, aliases and `@asset`, and three forms that are green and wrong."""

from __future__ import annotations

import pendulum
from airflow.sdk import (
    DAG,
    Asset,
    AssetAlias,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    Metadata,
    PartitionedAssetTimetable,
    StartOfMonthMapper,
    asset,
    get_current_context,
    task,
)

ORDERS, PRICES = Asset("asset_schedules_forms_orders"), Asset("asset_schedules_forms_prices")
FEEDS = AssetAlias("asset_schedules_forms_feeds")
DATE_KEYS = ("ds", "ts", "logical_date", "data_interval_start", "data_interval_end", "prev_data_interval_start_success")


def consumed(triggering_asset_events) -> dict[str, list[int]]:
    """Asset or alias name -> the numbers of its events, as the run hands them out."""
    return {key.name: [event.extra["n"] for event in events] for key, events in triggering_asset_events.items()}


with DAG("asset_schedules_forms_both", schedule=[ORDERS, PRICES]):

    @task
    def dates(ds=None, data_interval_start=None, dag_run=None) -> list:
        missing = [key for key in DATE_KEYS if key not in get_current_context()]
        return [ds, data_interval_start, dag_run.logical_date, missing, dag_run.run_after.year > 2000]

    @task
    def raises() -> str:
        return get_current_context()["ds"]

    dates()
    raises()

with DAG("asset_schedules_forms_either", schedule=(ORDERS | PRICES)):
    task(task_id="numbers")(lambda triggering_asset_events=None: consumed(triggering_asset_events))()

ONE_DAY = pendulum.datetime(2026, 3, 2)
with DAG(
    "asset_schedules_forms_or_time",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 0 * * *", timezone="UTC"), assets=ORDERS),
    start_date=ONE_DAY,
    end_date=ONE_DAY,
    catchup=True,
):
    task(task_id="seen")(lambda ds=None, triggering_asset_events=None: [ds, consumed(triggering_asset_events)])()

with DAG("asset_schedules_forms_alias_producer"):

    @task(outlets=[FEEDS])
    def publish(outlet_events=None):
        outlet_events[FEEDS].add(Asset("asset_schedules_forms_feed_bern"), extra={"n": 1})

    publish()

with DAG("asset_schedules_forms_alias", schedule=[FEEDS]):
    task(task_id="numbers")(lambda triggering_asset_events=None: consumed(triggering_asset_events))()


@asset(schedule=None)
def asset_schedules_forms_made(self):
    yield Metadata(self, {"n": 7})
    return {"rows": 3}


@asset(schedule=asset_schedules_forms_made)
def asset_schedules_forms_reader(context, asset_schedules_forms_made):
    ti, (event,) = context["ti"], context["triggering_asset_events"][asset_schedules_forms_made]
    by_date = ti.xcom_pull(dag_id=event.source_dag_id, task_ids=event.source_task_id, include_prior_dates=True)
    return [event.extra, by_date, event.source_task_instance.xcom_pull()]


# Keys are 2026-03-02, this mapper reads 2026-03-02T00:00:00: no run; the audit log alone tells (`failed to map partition_key`).
with DAG(
    "asset_schedules_forms_mute",
    schedule=PartitionedAssetTimetable(assets=ORDERS, default_partition_mapper=StartOfMonthMapper()),
):
    task(task_id="never")(lambda: 1)()
