"""A dbt platform API on loopback: jobs, runs that move on by one status a poll, artifacts, and faults on demand.

Real: sockets, HTTP status lines and headers, the paths and JSON shapes of API v2 that a client needs to run a
job, numeric run statuses, a token that is checked.
Simulated: dbt itself and time (see `dbt_platform_runs`).
Left out: TLS, permissions, pagination, webhooks, what edits jobs, a rate limit that counts by itself.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from dbt_platform_runs import SUCCEEDS, Account, RunStatus


@dataclass(frozen=True)
class Fault:
    """A broken answer. With `takes_effect` the request is carried out first: only its answer is lost."""

    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = '{"status": {"code": 503, "is_success": false}, "data": null}'
    hangs: bool = False
    takes_effect: bool = False


UNAVAILABLE = Fault()
HTML_PAGE = Fault(502, {"Content-Type": "text/html"}, "<html><h1>502 Bad Gateway</h1></html>")
HTML_PAGE_WITH_200 = Fault(200, {"Content-Type": "text/html"}, "<html><h1>Log in</h1></html>")
ANSWER_LOST = Fault(504, {"Content-Type": "text/html"}, "<html>504</html>", takes_effect=True)
HANG = Fault(hangs=True)  # takes the request and says nothing until the server stops


def too_many_requests(retry_after: str) -> Fault:
    """A 429; `retry_after` is the header as it is sent: seconds, or an HTTP date."""
    return Fault(429, {"Retry-After": retry_after})


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it arrived, also one that met a fault; header names in lower case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: str


@dataclass
class DbtPlatform:
    """The running server: where it is, what it was asked, and what it will do next."""

    url: str
    account: Account = field(default_factory=lambda: Account(12))
    token: str = "dbtc_test-token/0+1"
    requests: list[RecordedRequest] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def api(self) -> str:
        """The address that the account's paths start with, without a slash at its end."""
        return f"{self.url}/api/v2/accounts/{self.account.id}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the server accepts."""
        return {"Authorization": f"Bearer {self.token}"}

    def start_run(self, job_id: int, *plan: RunStatus) -> int:
        """Make a job whose runs follow `plan`, start one without a request, and return the run's id."""
        self.add_job(job_id, plan)
        _, run = self.account.start(job_id, {"cause": "start_run"})
        return run["id"]

    def add_job(self, job_id: int, *plans: Sequence[RunStatus]) -> None:
        """Create a job whose first run follows the first plan, and so on; without a plan its runs succeed."""
        self.account.plans[job_id] = list(plans or (SUCCEEDS,))

    def fail_next(self, method: str, *faults: Fault) -> None:
        """Answer the next requests of this HTTP method with `faults`, one each, then work again."""
        self.faults += [(method, fault) for fault in faults]

    def count(self, method: str, path_end: str) -> int:
        """How many requests arrived whose path ends so; a trailing slash makes no difference."""
        end = path_end.rstrip("/")
        return sum(seen.method == method and seen.path.rstrip("/").endswith(end) for seen in self.requests)

    def lines_with_token(self, text: str) -> list[str]:
        """The lines of a log, message or URL that show the token, plain or percent-encoded."""
        forms = {self.token, quote(self.token), quote(self.token, safe="")}
        return [line for line in text.splitlines() if any(form in line for form in forms)]

    def respond(self, request: RecordedRequest) -> Fault:
        """Note the request, let it take effect unless a fault prevents it, and give the answer to send."""
        with self.lock:
            self.requests.append(request)
            fault = self._take_fault(request.method)
            if fault is None or fault.takes_effect:
                status, data = self._authorized_answer(request)
                return fault or Fault(status, {"Content-Type": "application/json"}, _body(status, data))
            return fault

    def _authorized_answer(self, request: RecordedRequest) -> tuple[int, object]:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme not in ("Bearer", "Token") or given != self.token:
            return 401, None
        try:
            return self.account.answer(request.method, request.path, request.query, request.body)
        except json.JSONDecodeError:
            return 400, None

    def _take_fault(self, method: str) -> Fault | None:
        index = next((i for i, (wanted, _) in enumerate(self.faults) if wanted == method), None)
        return None if index is None else self.faults.pop(index)[1]


def _body(status: int, data: object) -> str:
    if isinstance(data, str):
        return data
    told = "Success!" if status == 200 else f"refused with {status}"
    return json.dumps({"status": {"code": status, "is_success": status == 200, "user_message": told}, "data": data})


@contextmanager
def running_dbt_platform() -> Iterator[DbtPlatform]:
    """Serve on a free loopback port until the block ends; requests that hang then end without an answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.serve("")

        def do_POST(self) -> None:
            self.serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

        def serve(self, body: str) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = platform.respond(RecordedRequest(self.command, parts.path, parse_qs(parts.query), headers, body))
            if answer.hangs:
                platform.stopped.wait()
                return
            content = answer.body.encode()
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform = DbtPlatform(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield platform
    finally:
        platform.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def dbt_platform() -> Iterator[DbtPlatform]:
    """A dbt platform without jobs, for one test."""
    with running_dbt_platform() as platform:
        yield platform
