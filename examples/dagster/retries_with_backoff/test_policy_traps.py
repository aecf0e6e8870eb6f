"""What a policy repeats, how long it waits, and what it does not say."""

from urllib.error import HTTPError
from urllib.request import urlopen

import dagster as dg
import pytest
from flaky_api import FlakyApi, running_api
from retry_waits import skip_retry_waits
from run_assets import run_assets

POLICY = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_retry_waits(monkeypatch)


def failing(error: Exception) -> dg.AssetsDefinition:
    """An asset with the policy that raises this."""

    @dg.asset(retry_policy=POLICY)
    def orders() -> None:
        raise error

    return orders


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (KeyError("cents"), 3),
        (ValueError("status 400"), 3),
        (dg.Failure("status 400"), 3),
        (dg.Failure("status 400", allow_retries=False), 1),
    ],
    ids=repr,
)
def test_trap_a_policy_repeats_every_error(instance: dg.DagsterInstance, error: Exception, tries: int) -> None:
    """A mistake in the code is tried three times too; only a Failure that says so is final."""
    assert run_assets([failing(error)], instance).tries == {"orders": tries}


@pytest.mark.parametrize(
    ("request_", "waits"),
    [
        (dg.RetryRequested(max_retries=4, seconds_to_wait=7), [7] * 4),
        (dg.RetryRequested(max_retries=1), [0]),
        (ConnectionError(), [60, 180]),
    ],
    ids=["seconds", "none", "policy"],
)
def test_trap_a_request_overrides_the_policy(instance: dg.DagsterInstance, request_: Exception, waits: list[int]) -> None:
    """Silent: its own number of tries and its own wait, which is none where none is given; no back-off is added."""
    assert run_assets([failing(request_)], instance).waits == {"orders": waits}


def test_trap_exponential_is_not_a_power_of_two() -> None:
    """The waits are 1, 3, 7 and 15 delays; linear ones are 1, 2, 3 and 4."""
    waits = {
        backoff: [dg.RetryPolicy(max_retries=4, delay=1, backoff=backoff).calculate_delay(n) for n in range(1, 5)]
        for backoff in dg.Backoff
    }
    assert waits == {dg.Backoff.EXPONENTIAL: [1, 3, 7, 15], dg.Backoff.LINEAR: [1, 2, 3, 4]}


def test_trap_plus_minus_jitter_can_wait_for_nothing() -> None:
    """One delay more or less, also where the wait is one delay; later waits keep most of theirs."""
    policy = dg.RetryPolicy(max_retries=4, delay=1, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
    drawn = [[policy.calculate_delay(n) for _ in range(2000)] for n in (1, 4)]
    bounds = [(round(min(one), 1), round(max(one), 1)) for one in drawn]
    assert bounds == [(0.0, 2.0), (14.0, 16.0)]


@pytest.mark.parametrize(
    ("given", "named"), [({"backoff": dg.Backoff.LINEAR}, "jitter"), ({"jitter": dg.Jitter.FULL}, "backoff")]
)
def test_trap_a_policy_without_delay_is_refused_by_the_wrong_name(given: dict, named: str) -> None:
    """The message names the other argument; with a delay both are taken."""
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=f"Can not set {named} on RetryPolicy without also setting delay"):
        dg.RetryPolicy(max_retries=3, **given)
    assert dg.RetryPolicy(max_retries=3, delay=1, **given).delay == 1


@pytest.mark.parametrize(("final", "asked"), [((), 3), ((HTTPError,), 1)], ids=["OSError", "HTTPError first"])
def test_trap_a_wrong_request_is_an_oserror(instance: dg.DagsterInstance, final: tuple, asked: int) -> None:
    """Silent: `except OSError` for lost connections repeats a 400 as well, unless HTTPError is caught before it."""
    with running_api(FlakyApi([400], [])) as api:

        @dg.asset
        def orders() -> None:
            try:
                urlopen(api.url, timeout=10)
            except final as error:
                raise dg.Failure(str(error), allow_retries=False) from error
            except OSError as error:
                raise dg.RetryRequested(max_retries=2) from error

        run_assets([orders], instance)
    assert api.answered == [400] * asked
