"""Runs in any Python that has the package dagster-pipes, which needs nothing else; on its own it prints."""

import csv
import sys
from pathlib import Path

from dagster_pipes import open_dagster_pipes


def main() -> None:
    """Sum the orders of the file that Dagster names in `extras`."""
    with open_dagster_pipes() as pipes:
        with Path(pipes.get_extra("orders")).open() as lines:
            cents = [int(row["cents"]) for row in csv.DictReader(lines)]
        pipes.log.info(f"summed with {sys.prefix}")
        pipes.report_asset_check(check_name="not_empty", passed=bool(cents), metadata={"rows": len(cents)})
        pipes.report_asset_materialization(metadata={"cents": sum(cents), "dagster/row_count": len(cents)})


if __name__ == "__main__":
    main()
