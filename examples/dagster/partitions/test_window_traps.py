"""An annotation that no input of a window can have."""

import dagster as dg
import pytest
from run_assets import run_assets

DAYS = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-04")
WINDOW = {"orders": dg.AssetIn(partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1))}


def test_trap_a_union_is_refused_where_one_day_is_no_dict(instance: dg.DagsterInstance) -> None:
    """The value of one day or a dict of two cannot be written as a type; without an annotation both days run."""
    orders = dg.asset(lambda: 1, name="orders", partitions_def=DAYS)
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="Problem using type"):

        @dg.asset(partitions_def=DAYS, ins=WINDOW)
        def refused(orders: dict[str, int] | int) -> None: ...

    @dg.asset(partitions_def=DAYS, ins=WINDOW)
    def rolling(orders) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"days": len(orders) if isinstance(orders, dict) else 1})

    days = [
        run_assets([orders, rolling], instance, partition=day).metadata["rolling"]["days"] for day in DAYS.get_partition_keys()
    ]
    assert days == [1, 2, 2]


@pytest.mark.parametrize(("first", "status"), [("2026-03-04", "FAILURE"), ("2026-03-01", "SUCCESS")])
def test_trap_a_week_needs_all_its_days(instance: dg.DagsterInstance, first: str, status: str) -> None:
    """The first week of a table that begins on a Wednesday cannot be run; let the weeks begin after it."""
    orders = dg.asset(lambda: None, name="orders", partitions_def=dg.DailyPartitionsDefinition(first))
    weeks = dg.WeeklyPartitionsDefinition("2026-03-01", end_date="2026-03-09")
    report = dg.asset(lambda orders: None, name="report", partitions_def=weeks)
    for day in orders.partitions_def.get_partition_keys()[: 7 if first == "2026-03-01" else 4]:
        run_assets([orders], instance, partition=day)
    run = run_assets([orders, report], instance, "report", partition="2026-03-01")
    assert (run.status, "depends on invalid partitions" in str(run.errors)) == (status, status == "FAILURE")
