"""One flow, two deployments in a work pool, and a check of prefect.yaml that needs no server.

What: `prefect.yaml` says what runs where; `check_prefect_yaml.py` names what `prefect deploy` ignores in silence.
When: code in a folder, image or repository that workers pull. For one long-lived process take `--serve`.
Run: uv run python check_prefect_yaml.py prefect.yaml && uv run python flow.py --serve
Expect: no problem, then a process that waits for runs; without `--serve` one run of the north.
"""

import csv
import os
import sys
from datetime import date
from pathlib import Path
from typing import Literal

from prefect import flow, runtime  # no deferred annotations here: a served script could not resolve them

ORDERS = Path(__file__).parent / "orders.csv"


@flow(log_prints=True)
def region_revenue(region: Literal["north", "south"] = "north", day: date | None = None) -> int:
    """Cents of a region's orders up to and with `day`; without one, the day the run was scheduled for."""
    day = day or runtime.flow_run.scheduled_start_time.date()
    with ORDERS.open(newline="") as file:
        cents = sum(int(row["cents"]) for row in csv.DictReader(file) if row["region"] == region and row["day"] <= str(day))
    print(f"{region} until {day}: {cents} cents (currency {os.environ.get('SHOP_CURRENCY', 'EUR')})")
    return cents


if __name__ == "__main__":
    if "--serve" in sys.argv:
        region_revenue.serve("served", parameters={"region": "north"}, limit=2)
    else:
        region_revenue()
