"""Late tables are noticed: a state that the daemon keeps, a check of the newest day, one message for each change.

What: two freshness policies, a sensor on their states, a scheduled run of a check that looks at the newest day.
When: a table that others read has a promised time. The policy knows "when was it last loaded", the check "which day is in it".
Run: dg launch --job newest_day_by_nine -f definitions.py, then dg dev -f definitions.py
Expect: the check names the newest day as missing, and at nine that fails its run; rates turn to WARN after 1 hour, FAIL after 2.
"""

import json
from datetime import timedelta

import dagster as dg
from pydantic import Field

ZONE = "Europe/Berlin"
DAYS = dg.DailyPartitionsDefinition("2026-03-01", timezone=ZONE)
HOURLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2), warn_window=timedelta(hours=1))
BY_NINE = dg.FreshnessPolicy.cron(deadline_cron="0 9 * * *", lower_bound_delta=timedelta(hours=3), timezone=ZONE)


@dg.asset(freshness_policy=HOURLY)
def rates() -> dg.MaterializeResult:
    """Exchange rates; whoever reads them wants none older than two hours."""
    return dg.MaterializeResult(metadata={"dagster/row_count": 3})


@dg.asset(partitions_def=DAYS, freshness_policy=BY_NINE)
def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One day of orders."""
    return dg.MaterializeResult(metadata={"dagster/partition_row_count": len(context.partition_key)})


class Deadline(dg.Config):
    """`passed`: the run happens at a moment when the newest day must be there."""

    passed: bool = False


@dg.asset_check(asset=orders, blocking=True)
def newest_day_on_time(context: dg.AssetCheckExecutionContext, config: Deadline) -> dg.AssetCheckResult:
    """The last day that has ended is stored by the deadline; blocking, so that a run which misses it fails."""
    days = DAYS.get_partition_keys()
    loaded = context.instance.get_materialized_partitions(orders.key)
    facts = {"newest_day": days[-1], "missing_of_seven": [day for day in days[-7:] if day not in loaded]}
    return dg.AssetCheckResult(passed=days[-1] in loaded or not config.passed, metadata=facts)


newest_day_by_nine = dg.define_asset_job("newest_day_by_nine", dg.AssetSelection.checks(newest_day_on_time))
at_nine = dg.ScheduleDefinition(
    name="at_nine",
    job=newest_day_by_nine,
    cron_schedule="0 9 * * *",
    execution_timezone=ZONE,
    run_config=dg.RunConfig(ops={"orders_newest_day_on_time": Deadline(passed=True)}),
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


class Changes(dg.Config):
    """New freshness states by asset."""

    states: dict[str, str] = Field(default_factory=dict)


@dg.op(retry_policy=dg.RetryPolicy(max_retries=5, delay=30, backoff=dg.Backoff.EXPONENTIAL))
def tell(context: dg.OpExecutionContext, config: Changes) -> None:
    """Where the message to people goes: a run, so that it is tried again."""
    for asset, state in config.states.items():
        context.log.warning(f"{asset} is {state}")


@dg.job
def tell_change() -> None:
    """One message."""
    tell()


@dg.sensor(job=tell_change, default_status=dg.DefaultSensorStatus.RUNNING)
def freshness_changed(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One message for what became late, or fresh again after it, since the last; none for a first PASS."""
    told: dict[str, str] = json.loads(context.cursor or "{}")
    records = context.instance.get_freshness_state_records([rates.key, orders.key])
    states = {key.to_user_string(): record.freshness_state.value for key, record in records.items()}
    changed = {name: state for name, state in states.items() if state != told.get(name, "PASS") and state != "UNKNOWN"}
    request = dg.RunRequest(run_config=dg.RunConfig(ops={"tell": Changes(states=changed)}))
    return dg.SensorResult(run_requests=[request] if changed else [], cursor=json.dumps({**told, **changed}))


defs = dg.Definitions(
    assets=[rates, orders],
    asset_checks=[newest_day_on_time],
    jobs=[newest_day_by_nine, tell_change],
    schedules=[at_nine],
    sensors=[freshness_changed],
)
