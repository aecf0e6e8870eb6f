"""Hours of waits pass at once, are recorded, and do not change how often a step is tried."""

import dagster as dg
import pytest
from retry_waits import skip_retry_waits
from run_assets import run_assets

HOURLY = dg.RetryPolicy(max_retries=3, delay=3600, backoff=dg.Backoff.EXPONENTIAL)


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_retry_waits(monkeypatch)


def busy(times: int, **decorated: object) -> dg.AssetsDefinition:
    """An asset that fails `times` times."""

    @dg.asset(**decorated)
    def orders(context) -> None:
        if context.retry_number < times:
            raise ConnectionError("busy")

    return orders


def test_waits_are_recorded_and_not_slept(instance: dg.DagsterInstance) -> None:
    """Four tries with 1, 3 and 7 hours between them end in well under a second."""
    run = run_assets([busy(3, retry_policy=HOURLY)], instance)
    assert (run.status, run.tries, run.waits) == ("SUCCESS", {"orders": 4}, {"orders": [3600, 10800, 25200]})


def test_a_step_gives_up_after_its_limit(instance: dg.DagsterInstance) -> None:
    """The last failure is the run's error; without a policy there is one try."""
    run = run_assets([busy(9, retry_policy=HOURLY)], instance)
    assert (run.status, run.tries, run.errors) == ("FAILURE", {"orders": 4}, {"orders": "ConnectionError: busy"})
    assert run_assets([busy(1)], instance).tries == {"orders": 1}


def test_a_requested_wait_is_recorded_too(instance: dg.DagsterInstance) -> None:
    """RetryRequested names its own seconds."""

    @dg.asset
    def orders(context) -> None:
        if context.retry_number == 0:
            raise dg.RetryRequested(max_retries=1, seconds_to_wait=600)

    assert run_assets([orders], instance).waits == {"orders": [600]}
