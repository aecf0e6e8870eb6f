"""Turns of the daemon tell a sensor that loses, repeats or never starts work from one that does not."""

import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from daemon_turns import running_daemon
from run_assets import run_assets

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SHOPS = dg.DynamicPartitionsDefinition(name="shops")
RUNNING = dg.DefaultSensorStatus.RUNNING


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-02-01"))
def revenue() -> None: ...


@dg.asset(partitions_def=SHOPS)
def shop(context: dg.AssetExecutionContext) -> str:
    return context.partition_key


@dg.asset
def orders() -> None: ...


@dg.asset
def broken() -> None:
    raise ValueError("no orders")


ORDERS_JOB = dg.define_asset_job("orders_job", [orders])


def sensor_of(evaluate, job=ORDERS_JOB, status=RUNNING) -> dg.Definitions:
    """Definitions with the sensor `watch`, which asks again after half a minute."""
    watch = dg.sensor(job=job, name="watch", minimum_interval_seconds=30, default_status=status)(evaluate)
    return dg.Definitions(assets=[orders, revenue, shop, broken], sensors=[watch])


def turns(definitions: dg.Definitions, instance: dg.DagsterInstance, number: int) -> list:
    """The ticks of so many turns, a minute apart."""
    with running_daemon(definitions, instance, NOON) as daemon:
        return [tick for turn in range(number) for tick in daemon.turn(NOON + turn * MINUTE)]


def test_the_cursor_is_carried_from_tick_to_tick(stored_instance: dg.DagsterInstance) -> None:
    """Each tick sees what the one before stored; a sensor that forgets to store it starts anew each time."""

    def counting(context: dg.SensorEvaluationContext):
        count = int(context.cursor or 0) + 1
        return dg.SensorResult(run_requests=[dg.RunRequest()] if count == 2 else [], cursor=str(count))

    def forgetful(context: dg.SensorEvaluationContext):
        return dg.SkipReason(f"cursor is {context.cursor}")

    ticks = turns(sensor_of(counting), stored_instance, 3)
    assert [(tick.cursor, tick.status, len(tick.runs)) for tick in ticks] == [
        ("1", "SKIPPED", 0),
        ("2", "SUCCESS", 1),
        ("3", "SKIPPED", 0),
    ]
    assert [tick.skip_reason for tick in turns(sensor_of(forgetful), stored_instance, 2)] == ["cursor is None"] * 2


def test_a_run_key_is_used_once_for_ever(stored_instance: dg.DagsterInstance) -> None:
    """Twice in one tick, in the next tick, and after a failed run: the key makes one run."""

    def same_key(context: dg.SensorEvaluationContext):
        return [dg.RunRequest(run_key="a.csv"), dg.RunRequest(run_key="a.csv")]

    job = dg.define_asset_job("broken_job", [broken])
    first, second = turns(sensor_of(same_key, job), stored_instance, 2)
    assert ([run.status for run in first.runs], first.known_run_keys) == (["FAILURE"], ["a.csv"])
    assert (second.runs, second.known_run_keys, second.status) == ([], ["a.csv", "a.csv"], "SKIPPED")


def test_without_a_run_key_each_tick_runs_again(stored_instance: dg.DagsterInstance) -> None:
    """The same request without a key is a new run at every tick."""
    ticks = turns(sensor_of(lambda context: dg.RunRequest()), stored_instance, 3)
    assert [len(tick.runs) for tick in ticks] == [1, 1, 1]


def test_a_key_of_one_sensor_is_none_of_another(stored_instance: dg.DagsterInstance) -> None:
    """Two sensors with the same key make a run each."""
    sensors = [
        dg.sensor(job=ORDERS_JOB, name=name, default_status=RUNNING)(lambda context: dg.RunRequest(run_key="a.csv"))
        for name in ("first", "second")
    ]
    ticks = turns(dg.Definitions(assets=[orders], sensors=sensors), stored_instance, 1)
    assert [(tick.name, len(tick.runs)) for tick in ticks] == [("first", 1), ("second", 1)]


def test_a_stopped_sensor_never_ticks(stored_instance: dg.DagsterInstance) -> None:
    """STOPPED is the default; the toggle of the UI changes it from its moment on."""
    definitions = sensor_of(lambda context: dg.RunRequest(), status=dg.DefaultSensorStatus.STOPPED)
    assert turns(definitions, stored_instance, 2) == []
    with running_daemon(definitions, stored_instance, NOON + DAY) as daemon:
        daemon.switch_on("watch")
        assert [len(tick.runs) for tick in daemon.turn(NOON + DAY + MINUTE)] == [1]
        with pytest.raises(KeyError, match="no sensor or schedule 'wach'; there are"):
            daemon.switch_on("wach")


def test_a_turn_within_the_interval_does_not_tick(stored_instance: dg.DagsterInstance) -> None:
    """minimum_interval_seconds holds between two ticks, whatever the number of turns."""
    with running_daemon(sensor_of(lambda context: dg.RunRequest()), stored_instance, NOON) as daemon:
        assert [len(daemon.turn(NOON + timedelta(seconds=10 * turn))) for turn in range(4)] == [1, 0, 0, 1]


def test_dynamic_partitions_exist_before_the_run(stored_instance: dg.DagsterInstance) -> None:
    """A request of the same tick runs in its new partition; without adding it, the tick fails and makes no run."""

    def adding(context: dg.SensorEvaluationContext):
        add = [SHOPS.build_add_request(["bern"])]
        return dg.SensorResult(run_requests=[dg.RunRequest(partition_key="bern")], dynamic_partitions_requests=add)

    def only_asking(context: dg.SensorEvaluationContext):
        return dg.RunRequest(partition_key="oslo")

    job = dg.define_asset_job("shop_job", [shop])
    [good] = turns(sensor_of(adding, job), stored_instance, 1)
    assert (good.status, good.partitions, stored_instance.get_dynamic_partitions("shops")) == ("SUCCESS", ["bern"], ["bern"])
    with running_daemon(sensor_of(only_asking, job), stored_instance, NOON + DAY) as daemon:
        daemon.switch_on("watch")
        [bad] = daemon.turn(NOON + DAY)
    assert (bad.status, bad.runs, "oslo" in bad.error) == ("FAILURE", [], True)


def test_a_tick_that_raises_keeps_the_cursor(stored_instance: dg.DagsterInstance) -> None:
    """The error is on the tick, nothing is launched, and the next tick starts from the old cursor."""
    seen: list[str | None] = []

    def failing_once(context: dg.SensorEvaluationContext):
        seen.append(context.cursor)
        context.update_cursor(f"tick {len(seen)}")
        if len(seen) == 2:
            raise ConnectionError("inbox is away")

    ticks = turns(sensor_of(failing_once), stored_instance, 3)
    assert [tick.error for tick in ticks] == [None, "ConnectionError: inbox is away", None]
    assert seen == [None, "tick 1", "tick 1"]


def test_a_cursor_can_be_reset(stored_instance: dg.DagsterInstance) -> None:
    """After a reset the sensor starts from nothing, and run keys alone keep it from repeating itself."""

    def once(context: dg.SensorEvaluationContext):
        requests = [] if context.cursor else [dg.RunRequest(run_key="a.csv"), dg.RunRequest()]
        return dg.SensorResult(run_requests=requests, cursor="done")

    with running_daemon(sensor_of(once), stored_instance, NOON) as daemon:
        [first], [idle] = daemon.turn(NOON), daemon.turn(NOON + MINUTE)
        daemon.set_cursor("watch", None)
        [repeated] = daemon.turn(NOON + 2 * MINUTE)
    assert [len(tick.runs) for tick in (first, idle, repeated)] == [2, 0, 1]


def watched(alerts: list[str]) -> dg.Definitions:
    """A sensor that starts one failing run at its second tick, one that follows an asset, one for failed runs."""

    @dg.sensor(job=dg.define_asset_job("both", [orders, broken]), default_status=RUNNING)
    def start(context: dg.SensorEvaluationContext):
        requests = [dg.RunRequest(run_key="once")] if context.cursor else []
        return dg.SensorResult(run_requests=requests, cursor="ticked")

    @dg.asset_sensor(asset_key=dg.AssetKey("orders"), job=ORDERS_JOB, name="follow", default_status=RUNNING)
    def follow(context: dg.SensorEvaluationContext, event: dg.EventLogEntry):
        return dg.RunRequest(run_key="followed")

    @dg.run_failure_sensor(name="alert", default_status=RUNNING)
    def alert(context: dg.RunFailureSensorContext):
        alerts.append(context.failure_event.message)

    return dg.Definitions(assets=[orders, broken], sensors=[start, follow, alert])


def test_a_sensor_follows_the_asset_and_the_failed_run(stored_instance: dg.DagsterInstance) -> None:
    """Asset sensors and run-failure sensors see what earlier ticks ran, each event once."""
    alerts: list[str] = []
    ticks = turns(watched(alerts), stored_instance, 4)
    assert {tick.name: len(tick.runs) for tick in ticks if tick.runs} == {"start": 1, "follow": 1}
    assert len(alerts) == 1


def test_a_failure_before_the_sensors_first_tick_is_not_alerted(stored_instance: dg.DagsterInstance) -> None:
    """The first tick of a run-failure sensor only takes its position."""
    alerts: list[str] = []
    run_assets([broken], stored_instance)
    turns(watched(alerts), stored_instance, 1)
    assert alerts == []


def nightly(status: dg.DefaultScheduleStatus = dg.DefaultScheduleStatus.RUNNING) -> list[dg.ScheduleDefinition]:
    """One schedule with partitions and one without, at 02:00 in UTC."""
    job = dg.define_asset_job("revenue_job", [revenue])
    with_partitions = dg.build_schedule_from_partitioned_job(job, name="partitioned", hour_of_day=2, default_status=status)
    plain = dg.ScheduleDefinition(name="plain", job=ORDERS_JOB, cron_schedule="0 2 * * *", default_status=status)
    return [with_partitions, plain]


def test_missed_ticks_are_not_made_up(stored_instance, caplog: pytest.LogCaptureFixture) -> None:
    """Of seven nights of downtime every schedule runs the last one only, partitioned or not."""
    definitions = dg.Definitions(assets=[orders, revenue], schedules=nightly())
    with caplog.at_level(logging.WARNING, "daemon_turns"), running_daemon(definitions, stored_instance, NOON) as daemon:
        ticks = daemon.turn(NOON + 7 * DAY)
        assert daemon.turn(NOON + 7 * DAY + MINUTE) == []
    assert [(tick.name, tick.moment.day, tick.partitions) for tick in ticks] == [
        ("partitioned", 8, ["2026-03-07"]),
        ("plain", 8, [None]),
    ]
    assert "partitioned has no partition set, so not trying to catch up" in caplog.text


def test_no_tick_is_missed_with_a_turn_a_day(stored_instance: dg.DagsterInstance) -> None:
    """A daemon that is there every night runs every day once."""
    definitions = dg.Definitions(assets=[orders, revenue], schedules=nightly()[:1])
    with running_daemon(definitions, stored_instance, NOON) as daemon:
        ticks = [tick for day in range(1, 4) for tick in daemon.turn(NOON + day * DAY)]
    assert [tick.partitions for tick in ticks] == [["2026-03-01"], ["2026-03-02"], ["2026-03-03"]]


def test_a_stopped_schedule_counts_from_its_start(stored_instance: dg.DagsterInstance) -> None:
    """Ticks before the schedule was switched on are not made up."""
    definitions = dg.Definitions(assets=[orders, revenue], schedules=nightly(dg.DefaultScheduleStatus.STOPPED))
    with running_daemon(definitions, stored_instance, NOON) as daemon:
        assert daemon.turn(NOON + 2 * DAY) == []
        daemon.switch_on("partitioned")
        assert [tick.partitions for tick in daemon.turn(NOON + 3 * DAY)] == [["2026-03-03"]]


def test_a_run_key_of_a_schedule_counts_within_its_tick(stored_instance: dg.DagsterInstance) -> None:
    """The next tick runs the same key again, where a sensor's would be known."""

    @dg.schedule(job=ORDERS_JOB, cron_schedule="0 2 * * *", default_status=dg.DefaultScheduleStatus.RUNNING)
    def keyed():
        return [dg.RunRequest(run_key="a"), dg.RunRequest(run_key="a")]

    with running_daemon(dg.Definitions(assets=[orders], schedules=[keyed]), stored_instance, NOON) as daemon:
        ticks = [tick for day in (1, 2) for tick in daemon.turn(NOON + day * DAY)]
    assert [len(tick.runs) for tick in ticks] == [1, 1]


def test_a_location_that_does_not_load_says_why(stored_instance: dg.DagsterInstance) -> None:
    """Without the message the daemon would have no sensors, and the test would see no tick and no error."""
    sensor = dg.sensor(name="watch", job_name="gone", default_status=RUNNING)(lambda context: None)
    with pytest.raises((RuntimeError, dg.DagsterInvalidDefinitionError), match="gone"):
        turns(dg.Definitions(sensors=[sensor]), stored_instance, 1)


def test_the_clock_goes_forward_and_an_instance_in_memory_is_refused(stored_instance, instance) -> None:
    """Both misuses are named; the daemon would ignore the one, and fail inside on the other."""
    with running_daemon(sensor_of(lambda context: None), stored_instance, NOON) as daemon:
        with pytest.raises(ValueError, match="only goes forward"):
            daemon.turn(NOON - MINUTE)
    with pytest.raises(ValueError, match="use the stored_instance fixture"):
        turns(sensor_of(lambda context: None), instance, 1)


def test_nothing_is_left_running(stored_instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """When the block ends, no thread of the daemon is left."""
    before = set(threading.enumerate())
    turns(sensor_of(lambda context: dg.RunRequest()), stored_instance, 1)
    assert [thread for thread in threading.enumerate() if thread not in before] == []
