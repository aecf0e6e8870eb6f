from datetime import datetime

import dagster as dg


@dg.asset
def nightly_apples() -> int:
    return 17


nightly = dg.define_asset_job("nightly_north", selection=[nightly_apples], tags={"team": "north"})


@dg.schedule(job=nightly, cron_schedule="13 11 * * *", execution_timezone="Europe/Berlin")
def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    day = context.scheduled_execution_time.date().isoformat()
    return dg.RunRequest(run_key=day, tags={"day": day})


defs = dg.Definitions(assets=[nightly_apples], jobs=[nightly], schedules=[every_night])
dg.Definitions.validate_loadable(defs)
tick = every_night.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=datetime.fromisoformat("2026-03-17T06:00")))
assert [request.run_key for request in tick.run_requests] == ["2026-03-17"]
