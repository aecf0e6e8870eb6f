"""Backfills through the daemon's code: what becomes a run, what a failure costs, and what runs again."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import dagster as dg
import duckdb
import pytest
from run_backfills import partitions_to_do, run_backfill

FOUR = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]
DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-07")


def revenue() -> list[tuple[int, int]]:
    with duckdb.connect("shop_data.duckdb") as shop:
        return shop.sql("SELECT day(day), cents FROM revenue ORDER BY ALL").fetchall()


def failing_on(days: set[str], name: str, policy: dg.BackfillPolicy | None) -> dg.AssetsDefinition:
    """An asset that fails where one of the given days is among those of its run; empty the set to mend it."""

    def compute(context: dg.AssetExecutionContext) -> None:
        if days & set(context.partition_keys):
            raise ValueError("no receipts")

    return dg.asset(compute, name=name, partitions_def=DAYS, backfill_policy=policy)


def test_a_range_is_one_run_and_repeating_it_changes_nothing(example: ModuleType, stored_instance: dg.DagsterInstance) -> None:
    """Receipts day by day, then revenue of all four days in one run; the second backfill leaves the same rows."""
    tables = []
    for _ in range(2):
        done = run_backfill(example.defs, stored_instance, "*", FOUR)
        assert (done.status, done.partitions) == ("COMPLETED_SUCCESS", [FOUR[0], "2026-03-01...2026-03-04", *FOUR[1:]])
        tables.append(revenue())
    assert tables == [[(1, 1350), (2, 1200), (3, 450), (4, 2000)]] * 2


def test_only_the_rest_runs(example: ModuleType, stored_instance: dg.DagsterInstance) -> None:
    """After two stretches of days the rest is named, and run, and nothing is left to do."""
    run_backfill(example.defs, stored_instance, "*", ["2026-03-02", "2026-03-04"])
    rest = example.to_do(stored_instance, example.revenue, example.DAYS)
    assert rest == ["2026-03-01", "2026-03-03", "2026-03-05", "2026-03-06"]
    run_backfill(example.defs, stored_instance, "*", rest)
    assert (example.to_do(stored_instance, example.revenue, example.DAYS), len(revenue())) == ([], 6)


def test_a_single_run_policy_makes_one_run_for_each_stretch(stored_instance: dg.DagsterInstance) -> None:
    """Days that are not neighbours do not share a run, whatever the policy."""
    asset = failing_on(set(), "asset", dg.BackfillPolicy.single_run())
    done = run_backfill([asset], stored_instance, "asset", ["2026-03-01", "2026-03-02", "2026-03-04"])
    assert done.partitions == ["2026-03-01...2026-03-02", "2026-03-04...2026-03-04"]


@pytest.mark.parametrize(
    ("policy", "failed"),
    [
        (None, ["2026-03-03"]),
        (dg.BackfillPolicy.multi_run(max_partitions_per_run=2), ["2026-03-03", "2026-03-04"]),
        (dg.BackfillPolicy.single_run(), FOUR),
    ],
)
def test_one_bad_day_fails_all_days_of_its_run(
    stored_instance: dg.DagsterInstance, policy: dg.BackfillPolicy | None, failed: list[str]
) -> None:
    """The policy decides how many good days are marked failed with it; mended, exactly those run again."""
    bad = {"2026-03-03"}
    asset = failing_on(bad, "asset", policy)
    assert run_backfill([asset], stored_instance, "asset", FOUR).status == "COMPLETED_FAILED"
    states = partitions_to_do([asset], stored_instance, "asset")
    assert [day for day, state in states.items() if state == "failed"] == failed
    bad.clear()
    assert run_backfill([asset], stored_instance, "asset", failed).status == "COMPLETED_SUCCESS"
    assert list(partitions_to_do([asset], stored_instance, "asset").values()) == ["missing", "missing"]


def test_materialized_partitions_hide_a_day_that_failed_since(example: ModuleType, stored_instance: dg.DagsterInstance) -> None:
    """`get_materialized_partitions` remembers the old success; the status by partition knows of the failure."""
    bad: set[str] = set()
    asset = failing_on(bad, "asset", None)
    run_backfill([asset], stored_instance, "asset", FOUR)
    bad.add("2026-03-02")
    run_backfill([asset], stored_instance, "asset", ["2026-03-02"])
    assert "2026-03-02" in stored_instance.get_materialized_partitions(asset.key)
    assert example.to_do(stored_instance, asset, DAYS) == ["2026-03-02", "2026-03-05", "2026-03-06"]


def test_a_value_cannot_be_stored_for_several_days(stored_instance: dg.DagsterInstance) -> None:
    """Loads and runs day by day; the first backfill over a range fails."""
    asset = dg.asset(lambda: 1, name="asset", partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    [run] = run_backfill([asset], stored_instance, "asset", FOUR).runs
    assert "does not support persisting an output associated with multiple partitions" in run.errors["asset"]


@pytest.mark.slow
def test_dg_launch_takes_a_range_and_job_backfill_ignores_the_policy(tmp_path: Path) -> None:
    """`dg launch --partition-range`: one finished run. `dagster job backfill`: one queued run for each day."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    here = Path(__file__).with_name("definitions.py")
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    ends = ["--partition-range", "2026-03-01...2026-03-04"]
    job = ["job", "backfill", "-j", "revenue_job", "-f", str(here), "--from", "2026-03-01", "--to", "2026-03-04", "--noprompt"]
    for command in (["dg", "launch", "--assets", "key:revenue", "-f", str(here), *ends], ["dagster", *job]):
        command[0] = str(Path(sys.executable).with_name(command[0]))
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        by_status = [(run.status.value, run.tags.get("dagster/partition")) for run in instance.get_runs(ascending=True)]
    assert by_status == [("SUCCESS", None), *(("QUEUED", day) for day in FOUR)]
