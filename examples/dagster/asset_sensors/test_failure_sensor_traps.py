"""How many failed runs a failure sensor handles in one tick, and which sensor form is on its way out."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from daemon_turns import running_daemon
from dagster._utils.warnings import SupersessionWarning

START, MINUTE = datetime(2026, 3, 10, tzinfo=UTC), timedelta(minutes=1)
ON = {"default_status": dg.DefaultSensorStatus.RUNNING}


def failing_jobs() -> tuple[list[dg.AssetsDefinition], list[dg.ScheduleDefinition]]:
    """Two jobs that both fail at 00:01."""
    assets = [dg.asset(lambda: 1 / 0, name=name) for name in ("orders", "stock")]
    jobs = [dg.define_asset_job(f"load_{asset.key.path[-1]}", [asset]) for asset in assets]
    on = dg.DefaultScheduleStatus.RUNNING
    return assets, [dg.ScheduleDefinition(job=job, cron_schedule="1 0 10 3 *", default_status=on) for job in jobs]


@pytest.mark.parametrize(("answer", "told"), [(dg.SkipReason("told"), [0, 0, 1, 2]), (None, [0, 0, 2, 2])])
def test_trap_a_skip_reason_ends_the_tick(
    stored_instance: dg.DagsterInstance, answer: dg.SkipReason | None, told: list[int]
) -> None:
    """Silent: of two failures one waits for the next tick; a function that returns None goes on to the second at once."""
    seen: list[str] = []

    @dg.run_failure_sensor(**ON)
    def watch(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        seen.append(context.dagster_run.job_name)
        return answer

    assets, schedules = failing_jobs()
    counts = []
    with running_daemon(dg.Definitions(assets, schedules, [watch]), stored_instance, START) as daemon:
        for number in range(4):
            daemon.turn(START + number * MINUTE)
            counts.append(len(seen))
    assert counts == told


def test_trap_the_multi_asset_sensor_is_superseded() -> None:
    """It works and warns; the condition in its place does not."""
    keys = [dg.AssetKey("stock"), dg.AssetKey("prices")]
    with pytest.warns(SupersessionWarning, match="MultiAssetSensorDefinition"):
        dg.multi_asset_sensor(monitored_assets=keys, name="both")(lambda context: None)
    due = dg.AutomationCondition
    each = [due.asset_matches(key, due.newly_updated()).since_last_handled() for key in keys]
    report = dg.asset(lambda: None, name="report", deps=keys, automation_condition=each[0] & each[1])
    dg.Definitions.validate_loadable(dg.Definitions([report]))
