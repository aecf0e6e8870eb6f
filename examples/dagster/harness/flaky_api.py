"""An HTTP API on loopback that answers with given statuses, and counts what it was asked.

Real: sockets, status lines, headers, a lost connection. Simulated: the reason why a real API would fail.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass
class FlakyApi:
    """Answers `statuses` in order, the last one for ever; 0 hangs up; 200 and 204 carry `body` as JSON.

    With a `token`, a request without it as bearer gets 401, whatever is due. `answered` are the statuses so far.
    """

    statuses: Sequence[int] = (200,)
    body: Any = None
    token: str | None = None
    url: str = ""
    answered: list[int] = field(default_factory=list)

    def answer(self, authorization: str | None) -> int:
        """The status of the next answer, noted."""
        refused = self.token is not None and authorization != f"Bearer {self.token}"
        due = self.statuses[min(len(self.answered), len(self.statuses) - 1)]
        self.answered.append(401 if refused else due)
        return self.answered[-1]


@contextmanager
def running_api(api: FlakyApi) -> Iterator[FlakyApi]:
    """Serve `api` on a free loopback port, its `url`, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = api.answer(self.headers["Authorization"])
            if status == 0:
                return
            self.send_response(status)
            self.end_headers()
            if status < 300:
                self.wfile.write(json.dumps(api.body).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Keep the request line out of the captured output."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}/orders"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
