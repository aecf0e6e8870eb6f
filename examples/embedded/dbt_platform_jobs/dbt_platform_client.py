"""A client of the dbt platform's API v2: start a job once, wait for its run, cancel, retry, read artifacts.

Paths and shapes: docs.getdbt.com/dbt-cloud/api-v2. Every failure is a DbtPlatformError that says what to do.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

SUCCESS, ERROR, CANCELLED = 10, 20, 30
IN_PROGRESS = {1, 2, 3}  # queued, starting, running
PASSING = {429, 500, 502, 503, 504}
TIMEOUT = (3.05, 30)  # seconds to connect; between two bytes of the answer
LONGEST_PAUSE = 60.0  # seconds, also when Retry-After asks for more
FAILED_NODES = {"error", "fail", "runtime error"}

WHAT_TO_DO = {
    400: "the API refuses what was sent",
    401: "the token is not accepted: is it whole, not expired, and made in the account of this host?",
    403: "the token may not do this: give its service account the permission Job Admin",
    404: "no such thing for this token: compare account, job or run id and host with the address of the job's page",
}


class DbtPlatformError(RuntimeError):
    """A request or a run that failed; the message holds no token."""


class PassingError(DbtPlatformError):
    """The API gave no usable answer now and may later; a POST may have taken effect all the same."""

    def __init__(self, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RunFailedError(DbtPlatformError):
    """A run that ended with something other than success; `status` is its code."""

    def __init__(self, message: str, run_id: int, status: int) -> None:
        super().__init__(message)
        self.run_id, self.status = run_id, status


@dataclass
class BearerToken(requests.auth.AuthBase):
    """Hands the token to each request; as `auth=` it also keeps an entry in ~/.netrc from replacing it."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token or not self.token:
            raise DbtPlatformError("the token is empty or holds a space, a line end or a non-ASCII character")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


@dataclass
class DbtPlatformClient:
    """One account; `host` with its scheme. Give tests a `sleep` and a `clock` of their own."""

    host: str
    account_id: int
    auth: BearerToken
    timeout: tuple[float, float] = TIMEOUT
    attempts: int = 5
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic  # time.time jumps

    def start_once(self, job_id: int, cause: str) -> int:
        """The run of this cause that is running or has succeeded, else a new one; its id.

        `cause` names the work, not the moment ("orders 2026-03-02"): it is what makes a second call harmless, for
        the API knows no idempotency key. Raises DbtPlatformError while another run of the job is in progress.
        """
        for attempt in range(self.attempts):
            runs = self._runs(job_id)
            if ids := [run["id"] for run in runs if _serves(run, cause)]:
                return ids[0]
            if busy := [run["id"] for run in runs if run["status"] in IN_PROGRESS]:
                raise DbtPlatformError(f"job {job_id} is busy with run {busy[0]}: wait for it, or cancel it")
            try:
                return self._send("POST", f"jobs/{job_id}/run/", json={"cause": cause})["id"]
            except PassingError as error:  # the run may exist by now: look again before the next POST
                lost = error
            self._pause(attempt, lost.retry_after)
        if ids := [run["id"] for run in self._runs(job_id) if _serves(run, cause)]:
            return ids[0]
        raise lost

    def wait(self, run_id: int, limit: float) -> None:
        """Return when the run has succeeded; cancel it after `limit` seconds and when this process is stopped.

        Raises RunFailedError for every other end, DbtPlatformError after the limit.
        """
        start, look = self.clock(), 0
        try:
            while not self._has_succeeded(run_id):
                if self.clock() - start >= limit:
                    self.cancel(run_id)
                    raise DbtPlatformError(f"run {run_id} was still in progress after {limit:g} s and is cancelled")
                self._pause(look + 2, 0)
                look += 1
        except (KeyboardInterrupt, SystemExit):
            self.cancel(run_id)
            raise

    def retry(self, job_id: int) -> int:
        """Start the job's last run again from its failed nodes; the new run's id.

        Raises DbtPlatformError when that run did not fail: the API would start a full run instead.
        """
        last = next(iter(self._runs(job_id)), None)
        if last is None or last["status"] != ERROR:
            raise DbtPlatformError(f"job {job_id} has no failed last run to retry: start it with a cause")
        return self._send("POST", f"jobs/{job_id}/rerun/")["id"]

    def cancel(self, run_id: int) -> None:
        """Cancel a run; one that has ended stays as it is."""
        self._get(f"runs/{run_id}/cancel/", method="POST")  # harmless twice, so it is repeated like a read

    def failed_nodes(self, run_id: int) -> list[str]:
        """The models, tests and seeds that failed; empty when dbt did not come as far as building."""
        try:
            results = self._get(f"runs/{run_id}/artifacts/run_results.json")["results"]
        except DbtPlatformError:
            return []
        return [f"{node['unique_id']}: {node.get('message')}" for node in results if node["status"] in FAILED_NODES]

    def _has_succeeded(self, run_id: int) -> bool:
        run = self._get(f"runs/{run_id}/")
        status = run["status"]  # the code: `status_humanized` is a text for people
        if status in IN_PROGRESS:
            return False
        if status == SUCCESS:
            return True
        end = {ERROR: "failed", CANCELLED: "was cancelled"}.get(status, f"has the unknown status {status}")
        details = [run.get("status_message") or "", *self.failed_nodes(run_id), f"{self.host}{run.get('href', '')}"]
        raise RunFailedError("\n  ".join([f"run {run_id} {end}", *filter(None, details)]), run_id, status)

    def _runs(self, job_id: int) -> list[dict[str, Any]]:
        """The job's last 100 runs with their causes, newest first."""
        query = {"job_definition_id": job_id, "order_by": "-id", "limit": 100, "include_related": '["trigger"]'}
        return self._get("runs/", params=query)

    def _get(self, path: str, method: str = "GET", **options: Any) -> Any:
        """A request that may be repeated."""
        for attempt in range(self.attempts - 1):
            try:
                return self._send(method, path, **options)
            except PassingError as error:
                self._pause(attempt, error.retry_after)
        return self._send(method, path, **options)

    def _pause(self, attempt: int, retry_after: float) -> None:
        longest = min(LONGEST_PAUSE, 2.0**attempt)
        self.sleep(min(LONGEST_PAUSE, max(retry_after, random.uniform(longest / 2, longest))))

    def _send(self, method: str, path: str, **options: Any) -> Any:
        """One request; what stands under `data`, or an artifact."""
        url = f"{self.host}/api/v2/accounts/{self.account_id}/{path}"
        try:
            answer = requests.request(method, url, auth=self.auth, timeout=self.timeout, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise PassingError(f"{method} {url}: no answer ({type(error).__name__}): is the host right?") from None
        return _content(answer, f"{method} {url}: {answer.status_code}")


def _serves(run: dict[str, Any], cause: str) -> bool:
    return (run.get("trigger") or {}).get("cause") == cause and run["status"] in {*IN_PROGRESS, SUCCESS}


def _content(answer: requests.Response, place: str) -> Any:
    if answer.status_code in PASSING:
        seconds = answer.headers.get("Retry-After", "")
        raise PassingError(f"{place}, overloaded or down", float(seconds) if seconds.isdigit() else 0)
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        body = None
    if answer.status_code != 200:
        said = body["status"].get("user_message", "") if isinstance(body, dict) and "status" in body else ""
        todo = WHAT_TO_DO.get(answer.status_code, "unexpected: is the host one of the dbt platform, without a path?")
        raise DbtPlatformError(f"{place}, {todo} {said}".strip())
    if not isinstance(body, dict):
        raise DbtPlatformError(f"{place}, but the answer is no JSON object: {answer.text[:60]!r}; is the host right?")
    return body.get("data", body)  # an artifact has no `data` around it
