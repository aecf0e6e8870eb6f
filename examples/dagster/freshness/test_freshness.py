"""What becomes late is seen at the moment it does, by the daemon's own code at chosen moments."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import ModuleType

import dagster as dg
import pytest
from code_location import live_location
from daemon_turns import running_daemon
from dagster._check import CheckError
from dagster._daemon.freshness import FreshnessDaemon
from private_names import frozen_at, in_process_workspace
from run_assets import run_assets, run_job

NINE, HOUR = datetime(2026, 3, 5, 8, tzinfo=UTC), timedelta(hours=1)  # 09:00 in Berlin; the newest ended day is 2026-03-04
SUPERSEDED = pytest.mark.filterwarnings("ignore::dagster._utils.warnings.SupersessionWarning")


def load(source, instance: dg.DagsterInstance, moment: datetime, asset: str, day: str | None = None) -> None:
    """Materialize one asset at a moment of Dagster's clock, without its checks."""
    with frozen_at(moment):
        run_assets(source, instance, dg.AssetSelection.assets(asset).without_checks(), partition=day)


def states(defs: dg.Definitions, instance: dg.DagsterInstance, moment: datetime) -> dict[str, str]:
    """The recorded states after one turn of the freshness daemon."""
    with live_location(defs) as module, in_process_workspace(instance, module) as workspace, frozen_at(moment):
        asyncio.run(FreshnessDaemon()._evaluate_assets(workspace))
    records = instance.get_freshness_state_records([spec.key for spec in defs.resolve_all_asset_specs()])
    return {key.to_user_string(): record.freshness_state.value for key, record in records.items()}


def test_a_time_window_warns_then_fails_until_the_next_load(example: ModuleType, stored_instance) -> None:
    """One hour after the load WARN, two hours after it FAIL; before a first load UNKNOWN, for ever."""
    seen = [states(example.defs, stored_instance, NINE - 90 * HOUR)["rates"]]
    load(example.defs, stored_instance, NINE, "rates")
    seen += [states(example.defs, stored_instance, NINE + n * HOUR)["rates"] for n in (0.9, 1.1, 2.1)]
    load(example.defs, stored_instance, NINE + 3 * HOUR, "rates")
    assert [*seen, states(example.defs, stored_instance, NINE + 3.5 * HOUR)["rates"]] == [
        "UNKNOWN",
        "PASS",
        "WARN",
        "FAIL",
        "PASS",
    ]


def test_a_cron_policy_wants_the_load_inside_its_window(example: ModuleType, stored_instance) -> None:
    """Silent: loaded at 05:00 for a window of 06:00 to 09:00 it is late at nine; until then yesterday's window counts."""
    load(example.defs, stored_instance, NINE - 4 * HOUR, "orders", "2026-03-04")
    seen = [states(example.defs, stored_instance, moment)["orders"] for moment in (NINE - HOUR / 2, NINE + HOUR / 2)]
    assert seen == ["PASS", "FAIL"]


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (lambda: dg.FreshnessPolicy.time_window(timedelta(seconds=59)), "fail_window cannot be less than 1 minute"),
        (lambda: dg.FreshnessPolicy.time_window(HOUR, warn_window=HOUR), "warn_window must be less than fail_window"),
        (lambda: dg.FreshnessPolicy.cron("0 * * * *", 2 * HOUR), "less than or equal to the smallest cron interval"),
    ],
)
def test_limits_of_a_policy(policy, says: str) -> None:
    """A window under a minute, a warning after the failure, a lower bound longer than the cron's interval are refused."""
    with pytest.raises(CheckError, match=says):
        policy()


def test_only_a_materialization_makes_an_external_asset_fresh(stored_instance) -> None:
    """Silent: an observation, which a source asset sends each hour, leaves the policy UNKNOWN; a reported load makes it PASS."""
    policy = dg.FreshnessPolicy.time_window(fail_window=HOUR)
    defs, seen = dg.Definitions([dg.AssetSpec("prices", freshness_policy=policy)]), []
    for event in (dg.AssetObservation("prices"), dg.AssetMaterialization("prices")):
        with frozen_at(NINE):
            stored_instance.report_runless_asset_event(event)
        seen.append(states(defs, stored_instance, NINE + HOUR / 2)["prices"])
    assert seen == ["UNKNOWN", "PASS"]


def test_a_change_is_told_once(example: ModuleType, stored_instance) -> None:
    """Six turns, three changes: WARN, FAIL, PASS; each is one run of the message, however often the state is read."""
    load(example.defs, stored_instance, NINE, "rates")
    told = []
    with running_daemon(example.defs, stored_instance, NINE) as daemon:
        for hours in (0.5, 1.5, 1.6, 2.5, 2.6, 3.5):
            if hours == 3.5:
                load(example.defs, stored_instance, NINE + 3.4 * HOUR, "rates")
            states(example.defs, stored_instance, NINE + hours * HOUR)
            ticks = [tick for tick in daemon.turn(NINE + hours * HOUR) if tick.name == "freshness_changed"]
            told.append([run.log for tick in ticks for run in tick.runs])
    warned, failed, passed = ([[f"WARNING tell: rates is {state}"]] for state in ("WARN", "FAIL", "PASS"))
    assert told == [[], warned, [], failed, [], passed]


def morning(example: ModuleType, instance: dg.DagsterInstance) -> list[tuple[str, dict]]:
    """Status and check of the run that the schedule starts at nine."""
    with running_daemon(example.defs, instance, NINE - HOUR / 6) as daemon:
        ticks = [daemon.turn(moment) for moment in (NINE - HOUR / 12, NINE)]
    runs = [run for turn in ticks for tick in turn if tick.name == "at_nine" for run in tick.runs]
    return [(run.status, dict(run.checks["orders:newest_day_on_time"].metadata)) for run in runs]


def test_the_morning_run_fails_without_the_newest_day(example: ModuleType, stored_instance) -> None:
    """An old day, loaded at 08:00, makes the policy PASS and not the check; the newest day makes both pass."""
    load(example.defs, stored_instance, NINE - HOUR, "orders", "2026-03-01")
    days = [f"2026-03-0{day}" for day in (2, 3, 4)]
    assert states(example.defs, stored_instance, NINE)["orders"] == "PASS"
    assert morning(example, stored_instance) == [("FAILURE", {"newest_day": days[-1], "missing_of_seven": days})]


def test_the_morning_run_passes_with_the_newest_day(example: ModuleType, stored_instance) -> None:
    """2026-03-04 is there at nine of 2026-03-05; gaps before it show in the metadata."""
    load(example.defs, stored_instance, NINE - HOUR, "orders", "2026-03-04")
    assert morning(example, stored_instance)[0][0] == "SUCCESS"


def test_the_load_of_an_old_day_is_not_stopped(example: ModuleType, instance) -> None:
    """Without a deadline in its config the check shows what is missing and blocks nothing: March 1 loads without March 4."""
    with frozen_at(NINE):
        run = run_assets(example.defs, instance, "orders", partition="2026-03-01")
    check = run.checks["orders:newest_day_on_time"]
    assert (run.status, check.passed, check.metadata["missing_of_seven"][-1]) == ("SUCCESS", True, "2026-03-04")


def built_checks(kind: str) -> tuple[list, list]:
    """A daily asset with one of Dagster's own freshness checks, and what the builder returned."""
    daily = dg.asset(lambda: None, name="orders", partitions_def=dg.DailyPartitionsDefinition("2026-03-01"))
    if kind == "last update":
        checks: Sequence = dg.build_last_update_freshness_checks(
            assets=[daily], deadline_cron="0 8 * * *", lower_bound_delta=3 * HOUR
        )
    else:
        checks = dg.build_time_partition_freshness_checks(assets=[daily], deadline_cron="0 8 * * *")
    return [daily, *checks], list(checks)


def run_checks_alone(source: list, instance: dg.DagsterInstance):
    """A run of the checks alone."""
    checks = [one for one in source if isinstance(one, dg.AssetChecksDefinition)]
    job = dg.define_asset_job("only_checks", dg.AssetSelection.checks(*checks))
    return run_job(dg.Definitions(assets=source[:1], asset_checks=checks, jobs=[job]), "only_checks", instance)


@SUPERSEDED
@pytest.mark.parametrize(
    ("kind", "day", "fresh"),
    [
        ("last update", None, False),
        ("last update", "2026-03-01", True),
        ("time partition", "2026-03-01", False),
        ("time partition", "2026-03-04", True),
    ],
)
def test_the_built_checks(instance, kind: str, day: str | None, fresh: bool) -> None:
    """The check of the last update takes any day for news; that of partitions wants the newest. Stale is a WARN: a green run."""
    source, _ = built_checks(kind)
    if day:
        load(source, instance, NINE - HOUR, "orders", day)
    with frozen_at(NINE + HOUR / 2):
        run = run_checks_alone(source, instance)
    [outcome] = run.checks.values()
    assert (outcome.passed, outcome.severity, run.status) == (fresh, "WARN", "SUCCESS")


@SUPERSEDED
def test_the_built_sensor_asks_again_only_after_the_deadline(stored_instance) -> None:
    """It asks at once, then after `fresh_until`, and never again while the check has failed and nothing was loaded."""
    source, checks = built_checks("last update")
    sensor = dg.build_sensor_for_freshness_checks(freshness_checks=checks, default_status=dg.DefaultSensorStatus.RUNNING)
    defs = dg.Definitions(assets=source[:1], asset_checks=checks, sensors=[sensor])
    load(defs, stored_instance, NINE - HOUR, "orders", "2026-03-04")
    with running_daemon(defs, stored_instance, NINE) as daemon:
        moments = [NINE + hours * HOUR for hours in (0.1, 5, 24.1, 30)]
        runs = [[run.checks for tick in daemon.turn(moment) for run in tick.runs] for moment in moments]
    assert [[check.passed for checks in turn for check in checks.values()] for turn in runs] == [[True], [], [False], []]
