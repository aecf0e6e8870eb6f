"""The dbt platform server tells a careful client from a careless one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import pytest
import requests
from dbt_platform_runs import FAILS, IS_CANCELLED, NEVER_ENDS, RunStatus
from dbt_platform_server import (
    ANSWER_LOST,
    HANG,
    HTML_PAGE,
    HTML_PAGE_WITH_200,
    UNAVAILABLE,
    DbtPlatform,
    running_dbt_platform,
    too_many_requests,
)

JOB = 5


def call(platform: DbtPlatform, method: str, path: str, **options: object) -> requests.Response:
    """One request with the right token; `path` starts after the account."""
    return requests.request(method, f"{platform.api}/{path}", headers=platform.headers, timeout=(3, 5), **options)


def start(platform: DbtPlatform, cause: str = "orders 2026-03-02") -> int:
    """Start the job once and return the run's id."""
    return call(platform, "POST", f"jobs/{JOB}/run/", json={"cause": cause}).json()["data"]["id"]


def statuses(platform: DbtPlatform, run: int, looks: int) -> list[int]:
    """What a client sees in `looks` looks at a run."""
    return [call(platform, "GET", f"runs/{run}/").json()["data"]["status"] for _ in range(looks)]


def test_a_run_moves_one_status_a_look(dbt_platform: DbtPlatform) -> None:
    """The plan of a run is seen status by status; its last one stays."""
    dbt_platform.add_job(JOB)
    assert statuses(dbt_platform, start(dbt_platform), 6) == [1, 2, 3, 10, 10, 10]


@pytest.mark.parametrize(
    ("plan", "last", "flag"),
    [(FAILS, 20, "is_error"), (IS_CANCELLED, 30, "is_cancelled"), (NEVER_ENDS, 3, "in_progress")],
)
def test_a_run_ends_as_planned(dbt_platform: DbtPlatform, plan: tuple[RunStatus, ...], last: int, flag: str) -> None:
    """Failed, cancelled and endless runs answer with 200, a numeric status and its flag."""
    dbt_platform.add_job(JOB, plan)
    run = start(dbt_platform)
    assert statuses(dbt_platform, run, 20)[-1] == last
    shown = call(dbt_platform, "GET", f"runs/{run}/").json()["data"]
    flags = ("is_success", "is_error", "is_cancelled", "in_progress")
    assert [name for name in flags if shown[name]] == [flag]


def test_a_run_can_be_there_before_the_client_is(dbt_platform: DbtPlatform) -> None:
    """`start_run` needs no request; the client then sees the plan from its beginning."""
    run = dbt_platform.start_run(JOB, RunStatus.RUNNING, RunStatus.ERROR)
    assert dbt_platform.requests == []
    assert statuses(dbt_platform, run, 2) == [3, 20]


def test_each_run_follows_its_own_plan(dbt_platform: DbtPlatform) -> None:
    """The first run fails, its retry is linked to it and succeeds; a rerun after a success retries nothing."""
    dbt_platform.add_job(JOB, FAILS, (RunStatus.SUCCESS,))
    first = start(dbt_platform)
    assert statuses(dbt_platform, first, 3)[-1] == RunStatus.ERROR
    second = call(dbt_platform, "POST", f"jobs/{JOB}/rerun/").json()["data"]["id"]
    third = call(dbt_platform, "POST", f"jobs/{JOB}/rerun/").json()["data"]["id"]
    assert [dbt_platform.account.runs[run].retry_of for run in (first, second, third)] == [None, first, None]


def test_a_wrong_token_job_or_body_is_refused(dbt_platform: DbtPlatform) -> None:
    """401 without the token, 404 for what was not created, 400 without a cause; nothing is started."""
    dbt_platform.add_job(JOB)
    url = f"{dbt_platform.api}/jobs/{JOB}/run/"
    wrong = requests.post(url, json={"cause": "x"}, headers={"Authorization": "Bearer other"}, timeout=3)
    unknown = call(dbt_platform, "POST", "jobs/6/run/", json={"cause": "x"})
    causeless = call(dbt_platform, "POST", f"jobs/{JOB}/run/", json={})
    garbage = call(dbt_platform, "POST", f"jobs/{JOB}/run/", data="{")
    nonsense = call(dbt_platform, "GET", "runs/seven/")
    answers = (wrong, unknown, causeless, garbage, nonsense)
    assert [answer.status_code for answer in answers] == [401, 404, 400, 400, 404]
    assert dbt_platform.account.runs == {}


def start_by_repeating(platform: DbtPlatform) -> None:
    """The careless client: it posts again when no answer came."""
    for _ in range(2):
        if call(platform, "POST", f"jobs/{JOB}/run/", json={"cause": "orders"}).ok:
            return


def start_after_looking(platform: DbtPlatform) -> None:
    """The careful client: it looks for a run with its cause before it posts."""
    query = {"job_definition_id": JOB, "include_related": '["trigger"]', "order_by": "-id"}
    for _ in range(2):
        runs = call(platform, "GET", "runs/", params=query).json()["data"]
        if any(run["trigger"]["cause"] == "orders" for run in runs):
            return
        call(platform, "POST", f"jobs/{JOB}/run/", json={"cause": "orders"})


@pytest.mark.parametrize(
    ("client", "fault", "runs"),
    [
        (start_by_repeating, UNAVAILABLE, 1),
        (start_by_repeating, ANSWER_LOST, 2),
        (start_after_looking, UNAVAILABLE, 1),
        (start_after_looking, ANSWER_LOST, 1),
    ],
)
def test_a_lost_answer_shows_who_starts_twice(
    dbt_platform: DbtPlatform, client: Callable[[DbtPlatform], None], fault: object, runs: int
) -> None:
    """Repeating a POST is harmless after a refusal and makes a second run after a lost answer."""
    dbt_platform.add_job(JOB)
    dbt_platform.fail_next("POST", fault)
    client(dbt_platform)
    assert len(dbt_platform.account.runs) == runs


def test_faults_meet_only_their_method_and_in_order(dbt_platform: DbtPlatform) -> None:
    """A fault for GET leaves POST alone; each one answers a single request and shows its headers."""
    dbt_platform.add_job(JOB)
    dbt_platform.fail_next("GET", too_many_requests("7"), HTML_PAGE)
    run = start(dbt_platform)
    answers = [call(dbt_platform, "GET", f"runs/{run}/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 502, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[1].headers["Content-Type"] == "text/html"
    assert dbt_platform.account.runs[run].looks == 1


def test_an_html_page_with_200_is_no_json(dbt_platform: DbtPlatform) -> None:
    """`raise_for_status` lets a login page pass; only reading it as JSON fails."""
    dbt_platform.fail_next("GET", HTML_PAGE_WITH_200)
    answer = call(dbt_platform, "GET", "runs/")
    answer.raise_for_status()
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_a_hang_ends_for_a_client_with_a_read_timeout(dbt_platform: DbtPlatform) -> None:
    """The client's own limit ends the wait; the server never answers."""
    dbt_platform.fail_next("GET", HANG)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{dbt_platform.api}/runs/", timeout=(3, 0.1))


def test_a_hang_holds_a_client_without_a_timeout() -> None:
    """Such a client waits until the server stops."""
    ended: list[str] = []

    def wait_without_limit(url: str) -> None:
        try:
            requests.get(url)
        except requests.exceptions.ConnectionError as error:
            ended.append(type(error).__name__)

    with running_dbt_platform() as platform:
        platform.fail_next("GET", HANG)
        client = threading.Thread(target=wait_without_limit, args=(f"{platform.api}/runs/",), daemon=True)
        client.start()
        client.join(0.3)
        assert ended == []
    client.join(5)
    assert ended == ["ConnectionError"]


def test_artifacts_exist_when_the_run_has_ended(dbt_platform: DbtPlatform) -> None:
    """An artifact of a running run is 404; afterwards it is sent as it is, also from a folder."""
    dbt_platform.add_job(JOB, (RunStatus.RUNNING, RunStatus.SUCCESS))
    dbt_platform.account.artifacts |= {"run_results.json": '{"results": []}', "compiled/shop/orders.sql": "select 1"}
    run = start(dbt_platform)
    early = call(dbt_platform, "GET", f"runs/{run}/artifacts/run_results.json")
    assert (early.status_code, statuses(dbt_platform, run, 2)) == (404, [3, 10])
    names = call(dbt_platform, "GET", f"runs/{run}/artifacts/").json()["data"]
    assert names == ["compiled/shop/orders.sql", "run_results.json"]
    assert call(dbt_platform, "GET", f"runs/{run}/artifacts/run_results.json").json() == {"results": []}
    assert call(dbt_platform, "GET", f"runs/{run}/artifacts/compiled/shop/orders.sql").text == "select 1"


def test_a_cancelled_run_stays_cancelled_and_an_ended_one_as_it_ended(dbt_platform: DbtPlatform) -> None:
    """Cancel stops a running run and changes nothing about a successful one."""
    dbt_platform.add_job(JOB, NEVER_ENDS, (RunStatus.SUCCESS,))
    running, ended = start(dbt_platform), start(dbt_platform)
    for run in (running, ended):
        assert call(dbt_platform, "POST", f"runs/{run}/cancel/").status_code == 200
    assert statuses(dbt_platform, running, 2) == [30, 30]
    assert statuses(dbt_platform, ended, 1) == [10]


def test_runs_are_listed_newest_first_with_their_cause(dbt_platform: DbtPlatform) -> None:
    """The list holds the runs of the asked job; a cause is shown only on demand."""
    dbt_platform.add_job(JOB)
    dbt_platform.add_job(JOB + 1)
    ids = [start(dbt_platform, cause) for cause in ("monday", "tuesday")]
    call(dbt_platform, "POST", f"jobs/{JOB + 1}/run/", json={"cause": "other"})
    query = {"job_definition_id": JOB, "order_by": "-id", "include_related": "trigger"}
    listed = call(dbt_platform, "GET", "runs/", params=query).json()["data"]
    assert [(run["id"], run["trigger"]["cause"]) for run in listed] == [(ids[1], "tuesday"), (ids[0], "monday")]
    assert "trigger" not in call(dbt_platform, "GET", "runs/", params={"limit": 1}).json()["data"][0]


def test_requests_are_recorded_and_counted(dbt_platform: DbtPlatform) -> None:
    """Method, path, query, headers and body of every request can be asserted, also of one that failed."""
    dbt_platform.add_job(JOB)
    dbt_platform.fail_next("POST", UNAVAILABLE)
    call(dbt_platform, "POST", f"jobs/{JOB}/run/", json={"cause": "x"})
    call(dbt_platform, "GET", "runs/", params={"limit": 1})
    seen = dbt_platform.requests
    assert [(r.method, r.path, r.query) for r in seen] == [
        ("POST", "/api/v2/accounts/12/jobs/5/run/", {}),
        ("GET", "/api/v2/accounts/12/runs/", {"limit": ["1"]}),
    ]
    assert (seen[0].headers["authorization"], seen[0].body) == (f"Bearer {dbt_platform.token}", '{"cause": "x"}')
    assert (dbt_platform.count("POST", "jobs/5/run"), dbt_platform.count("GET", "jobs/5/run")) == (1, 0)


def test_a_leaked_token_is_found_plain_and_encoded(dbt_platform: DbtPlatform) -> None:
    """A log that shows the token in a header or a URL is told from one that shows neither."""
    clean = "POST /jobs/5/run/ 503\nretry in 7 s"
    header, encoded = f"sent Bearer {dbt_platform.token}", f"GET /runs/?token={quote(dbt_platform.token, safe='')}"
    assert dbt_platform.lines_with_token(clean) == []
    assert dbt_platform.lines_with_token(f"{clean}\n{header}\n{encoded}") == [header, encoded]


def test_two_servers_share_nothing_and_leave_no_port_open() -> None:
    """Each block has its own port and account; afterwards nothing listens there."""
    with running_dbt_platform() as one, running_dbt_platform() as other:
        one.add_job(JOB)
        start(one)
        assert (len(one.account.runs), len(other.account.runs)) == (1, 0)
    for platform in (one, other):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(platform.url).port), timeout=3)
