"""The client starts a job once for a cause, waits no longer than told, and says for every bad answer what to do."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from dbt_platform_client import BearerToken, DbtPlatformClient, DbtPlatformError, PassingError, RunFailedError
from dbt_platform_runs import FAILS, IS_CANCELLED, NEVER_ENDS, SUCCEEDS, RunStatus
from dbt_platform_server import ANSWER_LOST, HANG, HTML_PAGE_WITH_200, UNAVAILABLE, DbtPlatform, Fault, too_many_requests

JOB, CAUSE = 5, "orders 2026-03-02"
LOGIN_REDIRECT = Fault(302, {"Location": "/login"}, "")


def posts(platform: DbtPlatform) -> int:
    return platform.count("POST", f"jobs/{JOB}/run")


def outcome(call: Callable[..., object], *given: object) -> object:
    """What the call returns or raises; one that hangs fails the test after a minute."""
    future = ThreadPoolExecutor(1).submit(call, *given)
    return future.exception(timeout=60) or future.result()


# --- one run for a cause


@pytest.mark.parametrize(
    ("faults", "sent"),
    [((ANSWER_LOST,), 1), ((UNAVAILABLE,), 2), ((HANG,), 2), ((*[UNAVAILABLE] * 4, ANSWER_LOST), 5)],
)
def test_a_lost_answer_makes_no_second_run(
    dbt_platform: DbtPlatform, client: DbtPlatformClient, faults: tuple[Fault, ...], sent: int
) -> None:
    """A run that was made without an answer is found by its cause; one that was not made is asked for again."""
    client.timeout = (3, 0.3)
    dbt_platform.fail_next("POST", *faults)
    assert outcome(client.start_once, JOB, CAUSE) == 1000
    assert (list(dbt_platform.account.runs), posts(dbt_platform)) == ([1000], sent)


def test_a_start_is_given_up(dbt_platform: DbtPlatform, client: DbtPlatformClient) -> None:
    """After five refusals the last one is the caller's, and no run exists."""
    dbt_platform.fail_next("POST", *[UNAVAILABLE] * 5)
    with pytest.raises(PassingError, match="jobs/5/run/: 503"):
        client.start_once(JOB, CAUSE)
    assert dbt_platform.account.runs == {}


def test_the_same_cause_again_gives_the_run_that_is_there(dbt_platform: DbtPlatform, client: DbtPlatformClient) -> None:
    """Running or succeeded, the run serves the second caller; another cause gets its own run afterwards."""
    first = client.start_once(JOB, CAUSE)
    assert client.start_once(JOB, CAUSE) == first
    client.wait(first, limit=600)
    assert [client.start_once(JOB, CAUSE), client.start_once(JOB, "orders 2026-03-03")] == [first, first + 1]


def test_a_failed_run_does_not_serve_its_cause(dbt_platform: DbtPlatform, client: DbtPlatformClient) -> None:
    """What failed or was cancelled is started again."""
    dbt_platform.add_job(JOB, (RunStatus.ERROR,), (RunStatus.CANCELLED,), SUCCEEDS)
    assert [client.start_once(JOB, CAUSE) for _ in range(4)] == [1000, 1001, 1002, 1002]


def test_a_busy_job_is_not_started_with_another_cause(dbt_platform: DbtPlatform, client: DbtPlatformClient) -> None:
    """Runs of a job queue up behind each other; the caller is told which run is in the way."""
    run = client.start_once(JOB, CAUSE)
    with pytest.raises(DbtPlatformError, match=f"job 5 is busy with run {run}: wait for it, or cancel it"):
        client.start_once(JOB, "orders 2026-03-03")
    assert posts(dbt_platform) == 1


# --- the end of a run


@pytest.mark.parametrize(("plan", "status", "said"), [(FAILS, 20, "failed"), (IS_CANCELLED, 30, "was cancelled")])
def test_only_success_is_success(
    dbt_platform: DbtPlatform, client: DbtPlatformClient, plan: tuple[RunStatus, ...], status: int, said: str
) -> None:
    """Other ends are errors with the run's address, told by their code."""
    run = dbt_platform.start_run(JOB, *plan)
    with pytest.raises(RunFailedError, match=rf"run {run} {said}[\s\S]*/deploy/12/runs/{run}/") as failure:
        client.wait(run, limit=600)
    assert failure.value.status == status


def test_a_renamed_status_text_changes_nothing(
    dbt_platform: DbtPlatform, client: DbtPlatformClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that compares `status_humanized` with "Success" would wait for ever."""
    renamed = Fault(200, {"Content-Type": "application/json"}, '{"data": {"status": 10, "status_humanized": "Passed"}}')
    dbt_platform.fail_next("GET", renamed)
    client.wait(dbt_platform.start_run(JOB, *NEVER_ENDS), limit=0)
    dbt_platform.fail_next("GET", Fault(200, renamed.headers, renamed.body.replace("10", "40")))
    with pytest.raises(RunFailedError, match="has the unknown status 40"):
        client.wait(1000, limit=600)


def test_the_failed_nodes_are_named(dbt_platform: DbtPlatform, client: DbtPlatformClient) -> None:
    """The error lists what failed; without the artifact (dbt did not start) it still tells the rest."""
    dbt_platform.account.artifacts["run_results.json"] = (
        '{"results": [{"unique_id": "model.shop.orders", "status": "error", "message": "no column day"},'
        ' {"unique_id": "model.shop.days", "status": "success"}]}'
    )
    with pytest.raises(RunFailedError, match=r"Database Error in model orders\n  model.shop.orders: no column day\n  http"):
        client.wait(dbt_platform.start_run(JOB, RunStatus.ERROR), limit=600)
    dbt_platform.account.artifacts.clear()
    assert client.failed_nodes(1000) == []


def test_a_run_that_never_ends_is_cancelled_at_the_limit(
    dbt_platform: DbtPlatform, client: DbtPlatformClient, waits: list[float]
) -> None:
    """The pauses grow to a minute, none is like the next, and their sum passes the limit by one pause at most."""
    run = dbt_platform.start_run(JOB, *NEVER_ENDS)
    with pytest.raises(DbtPlatformError, match=f"run {run} was still in progress after 900 s and is cancelled"):
        client.wait(run, limit=900)
    assert dbt_platform.account.runs[run].cancelled
    assert (2 <= waits[0] <= 4, max(waits) <= 60, 900 <= sum(waits) <= 960, len(set(waits)) == len(waits)) == (True,) * 4


def test_an_interrupted_wait_cancels_the_run(dbt_platform: DbtPlatform, client: DbtPlatformClient) -> None:
    """Ctrl-C while the client sleeps leaves no run behind that nobody waits for."""

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    run = dbt_platform.start_run(JOB, *NEVER_ENDS)
    with pytest.raises(KeyboardInterrupt):
        replace(client, sleep=interrupt).wait(run, limit=900)
    assert dbt_platform.account.runs[run].cancelled


def test_a_success_is_not_retried(dbt_platform: DbtPlatform, client: DbtPlatformClient) -> None:
    """`rerun` after a success would build everything again: the API accepts it, the client does not."""
    answer = requests.post(f"{dbt_platform.api}/jobs/{JOB}/rerun/", headers=dbt_platform.headers, timeout=9)
    assert (answer.status_code, dbt_platform.account.runs[1000].retry_of) == (200, None)
    client.wait(1000, limit=600)
    with pytest.raises(DbtPlatformError, match="no failed last run"):
        client.retry(JOB)


# --- bad answers


def test_reads_wait_as_told_and_no_longer_than_a_minute(
    dbt_platform: DbtPlatform, client: DbtPlatformClient, waits: list[float]
) -> None:
    """Retry-After is kept up to a minute; a date, or nothing, means the client's own growing pause."""
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    dbt_platform.fail_next("GET", too_many_requests("7"), too_many_requests("9999"), too_many_requests(date), UNAVAILABLE)
    client.wait(dbt_platform.start_run(JOB, RunStatus.SUCCESS), limit=600)
    assert (waits[:2], 2 <= waits[2] <= 4, 4 <= waits[3] <= 8) == ([7, 60], True, True)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (UNAVAILABLE, "503, overloaded or down"),
        (HANG, r"no answer \(ReadTimeout\): is the host right"),
        (HTML_PAGE_WITH_200, "200, but the answer is no JSON object: '<html><h1>Log in"),
        (Fault(200, {}, "[1]"), "200, but the answer is no JSON object"),
        (LOGIN_REDIRECT, "302, unexpected: is the host one of the dbt platform"),
        (Fault(403, {}, '{"status": {"user_message": "Forbidden"}}'), "403, the token may not do this.*Job Admin Forbidden"),
    ],
)
def test_a_bad_answer_says_what_to_do(dbt_platform: DbtPlatform, client: DbtPlatformClient, fault: Fault, said: str) -> None:
    """The request, what came, and where to look."""
    client.timeout = (3, 0.2)
    dbt_platform.fail_next("GET", *[fault] * 5)
    failure = outcome(client.wait, 1000, 600)
    assert isinstance(failure, DbtPlatformError)
    assert re.search(said, str(failure))


@pytest.mark.parametrize(
    ("wrong", "job", "said"),
    [
        ({"auth": BearerToken("dbtc_other")}, JOB, "401, the token is not accepted"),
        ({"account_id": 13}, JOB, "404, no such thing for this token: compare account, job or run id"),
        ({}, 6, "jobs/6/run/: 404, no such thing"),
    ],
)
def test_a_wrong_credential_or_name_is_told_at_once(
    client: DbtPlatformClient, waits: list[float], wrong: dict[str, object], job: int, said: str
) -> None:
    """Such requests are not repeated, and the message has no token."""
    client = replace(client, **wrong)
    with pytest.raises(DbtPlatformError, match=said) as refusal:
        client.start_once(job, CAUSE)
    assert (waits, "dbtc" in str(refusal.value)) == ([], False)


def test_a_redirect_would_turn_the_post_into_a_get(dbt_platform: DbtPlatform, client: DbtPlatformClient) -> None:
    """Followed, as requests does unless told, the trigger becomes a read that starts nothing; the client stops there."""
    elsewhere = Fault(302, {"Location": f"{dbt_platform.api}/runs/"}, "")
    dbt_platform.fail_next("POST", elsewhere, elsewhere)
    url = f"{dbt_platform.api}/jobs/{JOB}/run/"
    followed = requests.post(url, json={"cause": CAUSE}, headers=dbt_platform.headers, timeout=9)
    assert (followed.status_code, followed.request.method, dbt_platform.account.runs) == (200, "GET", {})
    with pytest.raises(DbtPlatformError, match="302, unexpected"):
        client.start_once(JOB, CAUSE)


# --- the token


def test_the_token_is_in_no_log_message_or_repr(
    dbt_platform: DbtPlatform, client: DbtPlatformClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Not at DEBUG, not in an error with its causes, not where the client is printed."""
    caplog.set_level(logging.DEBUG)
    dbt_platform.fail_next("GET", *[UNAVAILABLE] * 5)
    with pytest.raises(PassingError) as error:
        client.start_once(JOB, CAUSE)
    client.start_once(JOB, CAUSE)
    shown = f"{caplog.text}\n{error.getrepr(showlocals=True)}\n{client!r}"
    assert (dbt_platform.lines_with_token(shown), "connectionpool" in caplog.text) == ([], True)


def test_a_token_with_a_line_end_is_refused_before_requests_prints_it(dbt_platform: DbtPlatform) -> None:
    """requests puts the whole header into its error; a secret read from a file ends with a line end."""
    token = f"{dbt_platform.token}\n"
    with pytest.raises(requests.exceptions.InvalidHeader) as leak:
        requests.get(dbt_platform.url, headers={"Authorization": f"Bearer {token}"}, timeout=9)
    assert dbt_platform.token in str(leak.value)
    with pytest.raises(DbtPlatformError, match="holds a space, a line end") as refusal:
        BearerToken(token)
    assert dbt_platform.lines_with_token(str(refusal.value)) == []


def test_netrc_does_not_replace_the_token(
    dbt_platform: DbtPlatform, client: DbtPlatformClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests prefers an entry of ~/.netrc to an Authorization header, but not to `auth=`."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with_header = requests.get(f"{dbt_platform.api}/runs/", headers=dbt_platform.headers, timeout=9)
    assert (with_header.status_code, client.start_once(JOB, CAUSE)) == (401, 1000)
