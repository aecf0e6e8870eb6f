"""Price lists are loaded on working days: each tick decides what its run does, and says why when there is none.

What: a cron schedule whose function returns a RunRequest with run config, made from the tick's own moment.
When: the same job does something else by day of the week, by calendar, by shop. One period a run: partitions, see cron_schedule.
Run: dg dev -f definitions.py
Expect: at 06:00 in Berlin a run for that day; a full one on Mondays, none on the holidays in HOLIDAYS.
"""

from datetime import date

import dagster as dg

HOLIDAYS = {date(2026, 4, 3), date(2026, 4, 6)}  # Good Friday, Easter Monday


class PriceList(dg.Config):
    """`valid_on`: the day whose prices apply, as in 2026-03-01. `full`: all articles, not only what changed."""

    valid_on: str = "2026-03-01"
    full: bool = False


@dg.asset(key_prefix="shop")
def prices(config: PriceList) -> dg.MaterializeResult:
    """The price list of one day."""
    return dg.MaterializeResult(metadata={"valid_on": config.valid_on, "full": config.full})


load_prices = dg.define_asset_job("load_prices", [prices])


@dg.schedule(
    job=load_prices,
    cron_schedule="0 6 * * 1-5",
    execution_timezone="Europe/Berlin",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def on_working_days(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The tick's moment, not the clock's: a late tick loads the day it stands for."""
    day = context.scheduled_execution_time.date()
    if day in HOLIDAYS:
        return dg.SkipReason(f"{day} is a holiday")
    wanted = PriceList(valid_on=day.isoformat(), full=day.weekday() == 0)
    return dg.RunRequest(run_config=dg.RunConfig(ops={"shop__prices": wanted}), tags={"valid_on": day.isoformat()})


defs = dg.Definitions(assets=[prices], jobs=[load_prices], schedules=[on_working_days])
