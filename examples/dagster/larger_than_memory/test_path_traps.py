"""What is at a path later is not what was handed over, and a CSV file has no types."""

from pathlib import Path

import dagster as dg
import duckdb
import pytest
from run_assets import run_assets


@pytest.mark.parametrize("keyed", [False, True])
def test_trap_a_path_is_read_as_it_is_now(instance: dg.DagsterInstance, tmp_path: Path, keyed: bool) -> None:
    """Silent: day 1, counted again after day 2 was loaded, has the rows of day 2; with the day in the name it has its own."""
    days = dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-03")

    @dg.asset(partitions_def=days)
    def lines(context: dg.AssetExecutionContext) -> str:
        path = tmp_path / (f"lines_{context.partition_key}.txt" if keyed else "lines.txt")
        path.write_text(context.partition_key)
        return str(path)

    @dg.asset(partitions_def=days)
    def read(lines: str) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"day": Path(lines).read_text()})

    for day in days.get_partition_keys():
        run_assets([lines, read], instance, partition=day)
    again = run_assets([lines, read], instance, "read", partition="2026-03-01")
    assert again.metadata["read"] == {"day": "2026-03-01" if keyed else "2026-03-02"}


def test_trap_one_bad_row_makes_a_column_text(tmp_path: Path) -> None:
    """Silent: 9 is then more than 10; with `columns=` the bad row is an error."""
    path = tmp_path / "orders.csv"
    path.write_text("cents\n9\n10\n")
    biggest = "SELECT max(cents) FROM read_csv(?)"
    good = duckdb.execute(biggest, [str(path)]).fetchone()
    path.write_text("cents\n9\n10\nn/a\n")
    assert (good, duckdb.execute(biggest, [str(path)]).fetchone()) == ((10,), ("n/a",))
    with pytest.raises(duckdb.ConversionException):
        duckdb.execute("SELECT max(cents) FROM read_csv(?, columns={'cents': 'BIGINT'})", [str(path)]).fetchone()
