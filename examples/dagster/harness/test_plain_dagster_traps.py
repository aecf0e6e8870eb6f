"""What Dagster's own test functions leave out, beside what the harness does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from code_location import as_definitions, live_location
from daemon_turns import running_daemon
from private_names import importable_job
from run_assets import rerun_from_failure, run_assets

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-04")
START, MINUTE = datetime(2026, 3, 1, tzinfo=UTC), timedelta(minutes=1)
ON = {"default_status": dg.DefaultSensorStatus.RUNNING}


def test_trap_a_plain_re_execution_loses_the_partition(instance: dg.DagsterInstance) -> None:
    """Silent: `execute_job` from failure has no partition tag; `rerun_from_failure` has."""
    orders = dg.asset(lambda: 1 / 0, name="orders", partitions_def=DAYS)
    failed = run_assets([orders], instance, partition="2026-03-01")
    options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
    with live_location(as_definitions([orders])) as module:
        job = importable_job(module, failed.job)
        plain = dg.execute_job(job, instance, reexecution_options=options, raise_on_error=False)
    kept = rerun_from_failure([orders], failed, instance)
    tags = [instance.get_run_by_id(run_id).tags for run_id in (plain.run_id, kept.run_id)]
    assert [found.get("dagster/partition") for found in tags] == [None, "2026-03-01"]


def test_trap_a_schedule_context_drops_an_instance_in_memory(
    instance: dg.DagsterInstance, stored_instance: dg.DagsterInstance
) -> None:
    """It is taken without a word, and missing when the function asks for it; a stored one is opened."""
    with dg.build_schedule_context(instance=instance) as context:
        with pytest.raises(dg.DagsterInvariantViolationError, match="no instance reference was provided"):
            _ = context.instance
    with dg.build_schedule_context(instance=stored_instance) as context:
        assert context.instance.root_directory == stored_instance.root_directory


@pytest.mark.parametrize(("carried", "asked"), [(False, [0, 0, 0]), (True, [0, 1, 0])])
def test_trap_without_its_cursor_each_evaluation_is_the_first(
    instance: dg.DagsterInstance, carried: bool, asked: list[int]
) -> None:
    """Silent: six o'clock is never seen to pass."""
    orders = dg.asset(lambda: 1, name="orders", automation_condition=dg.AutomationCondition.on_cron("0 6 * * *"))
    cursor, found = None, []
    for hour in (5, 7, 8):
        moment = datetime(2026, 3, 1, hour)
        result = dg.evaluate_automation_conditions(dg.Definitions([orders]), instance, evaluation_time=moment, cursor=cursor)
        cursor, found = (result.cursor if carried else None), [*found, result.total_requested]
    assert found == asked


def test_trap_a_sensor_called_by_hand_does_not_know_its_run_keys(stored_instance: dg.DagsterInstance) -> None:
    """Silent: the direct call asks for the same file again and again; the daemon drops the known key."""
    orders = dg.asset(lambda: 1, name="orders")

    @dg.sensor(target=[orders], minimum_interval_seconds=30, **ON)
    def inbox(context: dg.SensorEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(run_key="orders.csv")

    with running_daemon(dg.Definitions([orders], sensors=[inbox]), stored_instance, START) as daemon:
        ticks = [daemon.turn(START + number * MINUTE)[0] for number in range(2)]
        with dg.build_sensor_context(instance=stored_instance) as context:
            by_hand = inbox(context)
    assert ([len(tick.runs) for tick in ticks], by_hand.run_key) == ([1, 0], "orders.csv")


@pytest.mark.parametrize(("added", "status"), [(False, "FAILURE"), (True, "SUCCESS")])
def test_trap_a_partition_that_nobody_added_fails_the_tick(stored_instance: dg.DagsterInstance, added: bool, status: str) -> None:
    """There is no run to see, only a failed tick, until the sensor adds the key itself."""
    shops = dg.DynamicPartitionsDefinition(name="shops")
    shop = dg.asset(lambda: None, name="shop", partitions_def=shops)

    @dg.sensor(target=[shop], **ON)
    def new_shops() -> dg.SensorResult:
        add = [shops.build_add_request(["bern"])] if added else []
        return dg.SensorResult([dg.RunRequest(partition_key="bern")], dynamic_partitions_requests=add)

    with running_daemon(dg.Definitions([shop], sensors=[new_shops]), stored_instance, START) as daemon:
        [tick] = daemon.turn(START)
    assert (tick.status, len(tick.runs)) == (status, int(added))


def test_trap_a_failed_run_of_materialize_is_never_alerted(stored_instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Silent: such a run belongs to no code location, so its failure sensor is green and was never called."""
    seen: list[str] = []

    @dg.run_failure_sensor(**ON)
    def alert(context: dg.RunFailureSensorContext) -> None:
        seen.append(context.dagster_run.job_name)

    broken = dg.asset(lambda: 1 / 0, name="broken")
    on = dg.DefaultScheduleStatus.RUNNING
    schedule = dg.ScheduleDefinition(job=dg.define_asset_job("load", [broken]), cron_schedule="3 0 * * *", default_status=on)
    counts = []
    with running_daemon(dg.Definitions([broken], [schedule], [alert]), stored_instance, START) as daemon:
        daemon.turn(START)
        dg.materialize([broken], instance=stored_instance, raise_on_error=False)
        for number in range(1, 5):
            daemon.turn(START + number * MINUTE)
            counts.append(len(seen))
    assert (counts, seen) == ([0, 0, 0, 1], ["load"])
