"""A backfill that is run to its end tells policies, failures and repeated work apart."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from run_backfills import partitions_to_do, run_backfill

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-05")
BAD: set[str] = set()


def daily(name: str, policy: dg.BackfillPolicy | None = None, **how) -> dg.AssetsDefinition:
    """An asset of days that fails for those in BAD."""

    def compute(context: dg.AssetExecutionContext) -> None:
        if BAD & set(context.partition_keys):
            raise ValueError("no receipts")

    return dg.asset(compute, name=name, partitions_def=DAYS, backfill_policy=policy, **how)


@pytest.fixture(autouse=True)
def nothing_bad() -> None:
    BAD.clear()


def test_the_policy_decides_how_many_runs_there_are(stored_instance: dg.DagsterInstance) -> None:
    """One run per day by default, one for all with a single-run policy."""
    assets = [daily("each"), daily("at_once", dg.BackfillPolicy.single_run())]
    runs = [run_backfill(assets, stored_instance, name).partitions for name in ("each", "at_once")]
    assert runs == [["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"], ["2026-03-01...2026-03-04"]]


def test_a_failed_run_shows_in_the_status_and_in_what_is_to_do(stored_instance: dg.DagsterInstance) -> None:
    """The failed day holds back its own downstream day and no other; both are to do, with the days never asked for."""
    BAD.add("2026-03-02")
    assets = [daily("up"), daily("down", deps=["up"])]
    failed = run_backfill(assets, stored_instance, "*", ["2026-03-01", "2026-03-02"], tags={"why": "test"})
    assert (failed.status, [run.status for run in failed.runs]) == ("COMPLETED_FAILED", ["SUCCESS", "FAILURE"])
    assert {run.tags["why"] for run in failed.runs} == {"test"}
    assert partitions_to_do(assets, stored_instance, "down") == {
        "2026-03-02": "failed", "2026-03-03": "missing", "2026-03-04": "missing"}  # fmt: skip


def test_the_moment_decides_which_days_there_are(stored_instance: dg.DagsterInstance) -> None:
    """A backfill of all days, on the second one, is a backfill of the first."""
    early = datetime(2026, 3, 2, 12, tzinfo=UTC)
    open_end = dg.asset(lambda: None, name="open_end", partitions_def=dg.DailyPartitionsDefinition("2026-03-01"))
    assert run_backfill([open_end], stored_instance, "open_end", moment=early).partitions == ["2026-03-01"]
    assert partitions_to_do([open_end], stored_instance, "open_end", early) == {}


def test_what_cannot_be_is_refused(stored_instance: dg.DagsterInstance, instance: dg.DagsterInstance) -> None:
    """An instance in memory, an unknown day, and an asset without partitions."""
    with pytest.raises(ValueError, match="use the stored_instance fixture"):
        run_backfill([daily("asset")], instance, "asset")
    with pytest.raises(ValueError, match=r"partition '2026-04-01': not among the 4 of asset, '2026-03-01' to '2026-03-04'"):
        run_backfill([daily("asset")], stored_instance, "asset", ["2026-04-01"])
    with pytest.raises(ValueError, match="plain has no partitions"):
        partitions_to_do([dg.asset(lambda: None, name="plain")], stored_instance, "plain")
