"""One bad batch does not stop the others, is not loaded, and does not leave the run green by accident.

What: failures are gathered on purpose; the flow returns the state that it means, hooks tell what a person must know.
When: a part may fail and the rest is still worth loading. If every part is needed, call `.result()` and stop there.
Run: uv run python flow.py
Expect: two of three batches loaded, the run Failed with "1 of 3 batches failed"; in alerts.txt one line about it.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
from prefect import Flow, State, flow, task
from prefect.client.schemas.objects import FlowRun
from prefect.states import Completed, Failed

BATCHES = {"2026-03-01": [1800, 450], "2026-03-02": [900], "2026-03-03": [2700]}
ALERTS = Path(os.environ.get("SHOP_ALERTS", "alerts.txt"))


def alert(flow: Flow, flow_run: FlowRun, state: State) -> None:
    """Tell a person; for `on_failure` and `on_crashed`, which never both run for one end."""
    with ALERTS.open("a") as alerts:
        alerts.write(f"{flow.name} {state.name}: {state.message}\n")


@task
def check(cents: list[int]) -> list[int]:
    """The batch itself, if it can be loaded."""
    if not cents or min(cents) <= 0:
        raise ValueError(f"no positive amounts: {cents}")
    return cents


@task
def load(day: str, cents: list[int]) -> str:
    """Replace the day's rows; the day."""
    with duckdb.connect(os.environ.get("SHOP_DATABASE", "shop_data.duckdb")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS orders (day DATE, cents BIGINT)")
        database.begin()
        database.execute("DELETE FROM orders WHERE day = ?", [day])
        database.execute("INSERT INTO orders SELECT ?, unnest(?)", [day, cents])
        database.commit()
    return day


@flow(on_failure=[alert], on_crashed=[alert])
def load_batches(batches: dict[str, list[int]] = BATCHES) -> State:
    """Load what can be loaded; Failed when a batch could not be, with how many."""
    checked = {day: check.submit(cents) for day, cents in batches.items()}
    outcome = {day: future.result(raise_on_failure=False) for day, future in checked.items()}
    good = {day: cents for day, cents in outcome.items() if not isinstance(cents, Exception)}
    for day, cents in good.items():
        load(day, cents)
    missing = len(batches) - len(good)
    if missing:
        return Failed(message=f"{missing} of {len(batches)} batches failed")
    return Completed(message=f"{len(good)} batches loaded", data=sorted(good))


if __name__ == "__main__":
    load_batches({**BATCHES, "2026-03-02": [-900]}, return_state=True)
