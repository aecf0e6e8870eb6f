"""What was loaded elsewhere starts what follows: each new day once, a report when both sides are new, an alert that arrives.

What: a sensor over the log of materializations, a condition over two assets, sensors on runs.
When: the cause is an asset or a run, also of another code location. Not inside one location without more: `deps=` and `eager()`.
Run: dg dev -f definitions.py
Expect: each day of orders gets a run of receipts, which gets one of publish_receipts; any failed run gets one of send_alert.
"""

import os

import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date="2026-03-01", end_date="2026-03-08")
EVENTS_PER_TICK = 50
RUNNING = dg.DefaultSensorStatus.RUNNING
due = dg.AutomationCondition


def stores_nothing() -> None: ...


orders = dg.asset(stores_nothing, name="orders", partitions_def=DAYS)
stock = dg.asset(stores_nothing, name="stock")
receipts = dg.asset(stores_nothing, name="receipts", partitions_def=DAYS)
receipts_job = dg.define_asset_job("receipts_job", selection=[receipts])


@dg.sensor(job=receipts_job, default_status=RUNNING)
def each_new_day(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One run for each materialization of orders since the cursor; without a cursor, since the beginning."""
    after = int(context.cursor) if context.cursor else None
    wanted = dg.AssetRecordsFilter(asset_key=orders.key, after_storage_id=after)
    records = context.instance.fetch_materializations(wanted, limit=EVENTS_PER_TICK, ascending=True).records
    requests = [dg.RunRequest(run_key=str(one.storage_id), partition_key=one.partition_key) for one in records]
    return dg.SensorResult(run_requests=requests, cursor=str(records[-1].storage_id) if records else context.cursor)


# In place of @multi_asset_sensor: each side counts from the moment it was updated until the report was asked for.
both_are_new = (
    due.asset_matches("stock", due.newly_updated()).since_last_handled()
    & due.asset_matches("prices", due.newly_updated()).since_last_handled()
)
prices = dg.AssetSpec("prices")  # loaded by another code location: the same key is the whole connection
report = dg.asset(stores_nothing, name="report", deps=[stock, prices], automation_condition=both_are_new)


class Alert(dg.Config):
    """What the failed run was."""

    text: str = "test alert"


@dg.op(retry_policy=dg.RetryPolicy(max_retries=5, delay=0.1, backoff=dg.Backoff.EXPONENTIAL))
def send(config: Alert) -> None:
    """Append to a file, in place of a pager that may be away for a while."""
    with open(os.environ.get("SHOP_ALERTS", "alerts.txt"), "a") as alerts:
        alerts.write(f"{config.text}\n")


@dg.job
def send_alert() -> None:
    """Sends one alert, and is repeated when that fails."""
    send()


@dg.run_failure_sensor(monitor_all_code_locations=True, request_job=send_alert, default_status=RUNNING)
def failed_run(context: dg.RunFailureSensorContext) -> dg.RunRequest | None:
    """Ask for an alert instead of sending it here: an exception in this function would lose it."""
    run = context.dagster_run
    if run.job_name == send_alert.name:
        return None  # an alert about alerts would never end; a SkipReason would end the tick here
    text = f"{run.job_name}: {context.failure_event.message}"
    return dg.RunRequest(run_key=run.run_id, run_config=dg.RunConfig({"send": Alert(text=text)}))


@dg.op
def publish(context: dg.OpExecutionContext) -> None:
    """What follows a finished job as a whole, not one of its assets."""
    context.log.info(f"receipts of {context.run.tags.get('loaded_day', 'no day')} are complete")


@dg.job
def publish_receipts() -> None:
    """A message that a day is complete."""
    publish()


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[receipts_job],
    request_job=publish_receipts,
    default_status=RUNNING,
)
def receipts_are_complete(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    """One run of publish_receipts for each successful run of receipts_job, with its day."""
    run = context.dagster_run
    return dg.RunRequest(run_key=run.run_id, tags={"loaded_day": run.tags["dagster/partition"]})


automation = dg.AutomationConditionSensorDefinition("automation", target=dg.AssetSelection.all(), default_status=RUNNING)
defs = dg.Definitions(
    assets=[orders, stock, prices, receipts, report],
    jobs=[receipts_job, send_alert, publish_receipts],
    sensors=[each_new_day, failed_run, receipts_are_complete, automation],
)
