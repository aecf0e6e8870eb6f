"""An HTTP API on loopback that answers with given statuses, one a request, and counts what it was asked.

Real: sockets, status lines, headers. Simulated: the reason why a real API would fail.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FlakyApi:
    """Answers `statuses` in order, then the last one for ever; 200 carries `body` as JSON, 0 hangs up."""

    url: str
    statuses: Sequence[int]
    body: object
    requests: list[str] = field(default_factory=list)

    def next_status(self, path: str) -> int:
        """Note the request and give the status of its answer."""
        self.requests.append(path)
        return self.statuses[min(len(self.requests), len(self.statuses)) - 1]


@contextmanager
def running_api(statuses: Sequence[int], body: object) -> Iterator[FlakyApi]:
    """Serve on a free loopback port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = api.next_status(self.path)
            if status == 0:
                return
            content = json.dumps(body if status == 200 else {"error": status}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = FlakyApi(f"http://127.0.0.1:{server.server_port}/orders", statuses, body)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
