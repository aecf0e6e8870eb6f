"""No materialization is lost, none starts two runs; both sides must be new; an alert arrives though the pager was away."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from automation_over_time import running_automation
from daemon_turns import Daemon, Tick, running_daemon
from retry_waits import skip_retry_waits
from run_assets import run_assets

START, MINUTE, ON = datetime(2026, 3, 10, tzinfo=UTC), timedelta(minutes=1), dg.DefaultSensorStatus.RUNNING
DAYS = [f"2026-03-0{n}" for n in range(1, 8)]


def next_tick(daemon: Daemon, sensor: str) -> Tick:
    [tick] = [tick for tick in daemon.turn(daemon.now + MINUTE) if tick.name == sensor]
    return tick


def broken_location() -> dg.Definitions:
    """Another code location, whose only job fails every minute."""
    job, status = dg.define_asset_job("load", "broken"), dg.DefaultScheduleStatus.RUNNING
    every_minute = dg.ScheduleDefinition(job=job, cron_schedule="* * * * *", default_status=status)
    return dg.Definitions([dg.asset(lambda: 1 / 0, name="broken")], [every_minute])


def test_each_materialization_has_one_run(example: ModuleType, stored_instance: dg.DagsterInstance) -> None:
    """Two days between two ticks are two runs, a day loaded again is one more, and a lost cursor repeats nothing."""
    started = []
    with running_daemon(example.defs, stored_instance, START) as daemon:
        for loaded in (DAYS[:1], DAYS[1:3], [], DAYS[1:2]):
            for day in loaded:
                run_assets([example.orders], stored_instance, partition=day)
            started.append(next_tick(daemon, "each_new_day").partitions)
        daemon.set_cursor("each_new_day", None)
        again = next_tick(daemon, "each_new_day")
    assert started == [DAYS[:1], DAYS[1:3], [], DAYS[1:2]]
    assert (again.partitions, len(again.known_run_keys)) == ([], 4)


def test_more_events_than_a_tick_takes_are_spread(example: ModuleType, stored_instance: dg.DagsterInstance) -> None:
    """What one tick leaves over, the next one takes, in the order of the log."""
    example.EVENTS_PER_TICK = 2
    for day in DAYS[:3]:
        run_assets([example.orders], stored_instance, partition=day)
    with running_daemon(example.defs, stored_instance, START) as daemon:
        assert [next_tick(daemon, "each_new_day").partitions for _ in range(3)] == [DAYS[:2], DAYS[2:3], []]


def test_asset_sensor_loses_all_but_the_newest(stored_instance: dg.DagsterInstance) -> None:
    """Three days before the first tick: the decorator made for it is called once, and its cursor is None."""
    cursors: list[str | None] = []
    orders, receipts = (
        dg.asset(lambda: None, name=name, partitions_def=dg.DailyPartitionsDefinition("2026-03-01"))
        for name in ("orders", "receipts")
    )
    job = dg.define_asset_job("receipts_job", [receipts])

    @dg.asset_sensor(asset_key=orders.key, job=job, default_status=ON)
    def newest(context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> dg.RunRequest:
        cursors.append(context.cursor)
        return dg.RunRequest(partition_key=event.asset_materialization.partition)

    with running_daemon(dg.Definitions([orders, receipts], sensors=[newest]), stored_instance, START) as daemon:
        for day in DAYS[:3]:
            run_assets([orders], stored_instance, partition=day)
        assert [next_tick(daemon, "newest").partitions for _ in range(2)] == [DAYS[2:3], []]
    assert cursors == [None]


def test_all_deps_match_wants_them_in_the_same_evaluation(instance: dg.DagsterInstance) -> None:
    """One side after the other is never enough, though both are new; both between two evaluations are."""
    due = dg.AutomationCondition
    condition = due.all_deps_match(due.newly_updated()).since_last_handled()
    sides = [dg.asset(lambda: None, name=name) for name in ("stock", "prices")]
    defs = dg.Definitions([*sides, dg.asset(lambda: None, name="report", deps=sides, automation_condition=condition)])
    cursor = dg.evaluate_automation_conditions(defs, instance).cursor
    asked = []
    for updated in (sides[:1], sides[1:], sides):
        dg.materialize(updated, instance=instance)
        result = dg.evaluate_automation_conditions(defs, instance, cursor=cursor)
        cursor, asked = result.cursor, [*asked, result.total_requested]
    assert asked == [0, 0, 1]


def test_the_report_waits_for_both_sides(example: ModuleType, stored_instance: dg.DagsterInstance) -> None:
    """Stock, again stock, prices: one report; then both once more: one more. Prices come from elsewhere.

    An update in the evaluation that sees the report's own run is not counted: here the first of the two at the end.
    """
    asked = []
    with running_automation(example.defs, stored_instance, START) as automation:
        automation.turn(START)
        for n, updated in enumerate(["stock", "stock", "prices", "prices", "stock", "prices"], start=1):
            if updated == "prices":
                stored_instance.report_runless_asset_event(dg.AssetMaterialization("prices"))
            else:
                automation.materialize(updated)
            asked.append("report" in automation.turn(START + n * MINUTE))
    assert asked == [False, False, True, False, False, True]


def test_an_alert_arrives_though_the_pager_was_away(
    example: ModuleType, stored_instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed run of another location is one alert; while it cannot be sent there is no second alert about the alert."""
    skip_retry_waits(monkeypatch)
    monkeypatch.setenv("SHOP_ALERTS", str(tmp_path / "away" / "alerts.txt"))
    with running_daemon(broken_location(), stored_instance, START) as other:
        with running_daemon(example.defs, stored_instance, START) as daemon:
            next_tick(daemon, "failed_run")
            other.turn(START + MINUTE)
            [unsent] = next_tick(daemon, "failed_run").runs
            assert (unsent.status, unsent.tries) == ("FAILURE", {"send": 6})
            (tmp_path / "away").mkdir()
            other.turn(START + 2 * MINUTE)
            assert [run.status for run in next_tick(daemon, "failed_run").runs] == ["SUCCESS"]
            assert next_tick(daemon, "failed_run").runs == []
    assert [line[:5] for line in (tmp_path / "away" / "alerts.txt").read_text().splitlines()] == ["load:"]


def test_an_alert_that_raises_is_lost_and_other_locations_are_not_seen(stored_instance: dg.DagsterInstance) -> None:
    """The sensor's position moves on though its function failed; without monitor_all_code_locations it is never called."""
    seen: dict[str, list[str]] = {"raising": [], "own": []}

    def raising(context: dg.RunFailureSensorContext) -> None:
        seen["raising"].append(context.dagster_run.job_name)
        raise ConnectionError("pager is away")

    def own(context: dg.RunFailureSensorContext) -> None:
        seen["own"].append(context.dagster_run.job_name)

    sensors = [
        dg.run_failure_sensor(name="raising", default_status=ON, monitor_all_code_locations=True)(raising),
        dg.run_failure_sensor(name="own", default_status=ON)(own),
    ]
    with running_daemon(broken_location(), stored_instance, START) as other:
        with running_daemon(dg.Definitions(sensors=sensors), stored_instance, START) as daemon:
            daemon.turn(START)
            other.turn(START + MINUTE)
            statuses = [next_tick(daemon, "raising").status for _ in range(2)]
    assert (statuses, seen) == (["FAILURE", "SKIPPED"], {"raising": ["load"], "own": []})


def test_a_successful_job_is_followed_once_for_each_run(example: ModuleType, stored_instance: dg.DagsterInstance) -> None:
    """Two days of orders are two runs of receipts, these two of publish_receipts, each with its day, and then nothing more."""
    started = []
    with running_daemon(example.defs, stored_instance, START) as daemon:
        daemon.turn(START)
        for day in DAYS[:2]:
            run_assets([example.orders], stored_instance, partition=day)
        for n in range(1, 6):
            ticks = daemon.turn(START + n * MINUTE)
            started += [run for tick in ticks for run in tick.runs if run.job == "publish_receipts"]
    assert sorted(run.log[0] for run in started) == [f"INFO publish: receipts of {day} are complete" for day in DAYS[:2]]


@pytest.mark.parametrize(("monitored", "runs"), [(False, [1, 1, 1, 1]), (True, [1, 0, 0, 0])])
def test_without_monitored_jobs_the_sensor_follows_itself(stored_instance, monitored: bool, runs: list[int]) -> None:
    """Silent: the job that it asks for succeeds too, so each tick asks again, for ever. A first tick only sets the cursor."""
    load = dg.define_asset_job("load", [dg.asset(lambda: None, name="orders")])
    at = dg.ScheduleDefinition(job=load, cron_schedule="1 0 10 3 *", default_status=dg.DefaultScheduleStatus.RUNNING)

    @dg.op
    def publish() -> None: ...

    @dg.job
    def publish_all() -> None:
        publish()

    which = {"monitored_jobs": [load]} if monitored else {}

    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job=publish_all, default_status=ON, **which)
    def any_success(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=context.dagster_run.run_id)

    defs = dg.Definitions([dg.asset(lambda: None, name="orders")], [at], [any_success], jobs=[load, publish_all])
    with running_daemon(defs, stored_instance, START) as daemon:
        daemon.turn(START), daemon.turn(START + MINUTE)
        assert [len(next_tick(daemon, "any_success").runs) for _ in range(4)] == runs


def test_a_run_status_sensor_called_with_a_finished_run(example: ModuleType, instance: dg.DagsterInstance) -> None:
    """The unit test: a run in process, its success event, the context built from both."""
    with dg.partition_loading_context(dynamic_partitions_store=instance):
        job = example.defs.resolve_job_def("receipts_job")
        run = job.execute_in_process(partition_key=DAYS[3], instance=instance)
    context = dg.build_run_status_sensor_context(
        sensor_name="receipts_are_complete",
        dagster_event=run.get_run_success_event(),
        dagster_instance=instance,
        dagster_run=run.dagster_run,
    )
    assert example.receipts_are_complete(context).tags == {"loaded_day": DAYS[3]}
