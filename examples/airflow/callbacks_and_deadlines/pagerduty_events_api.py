"""PagerDuty's Events API v2 on 127.0.0.1, behind a proxy: the provider's notifier can be sent there by the environment alone.

Real: HTTP, TLS, the proxy's CONNECT, the answers of PagerDuty's pages on events (202, 400, 429, 5xx). Simulated: people.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOSTS = ("events.pagerduty.com", "events.eu.pagerduty.com")
REFUSED = {429: "throttle exceeded", 500: "error"}


@dataclass
class Incident:
    """What PagerDuty shows: the key, the summary of each event, and whether it is open."""

    key: str
    summaries: list[str] = field(default_factory=list)
    is_open: bool = True


class PagerDuty(ThreadingHTTPServer):
    """Keeps the `events` and `hosts` of all requests, and makes incidents of what it accepts.

    `answers` are statuses for the next requests, in order; when they are used up, the event decides.
    """

    def __init__(self, folder: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.hosts: list[str] = []
        self.incidents: list[Incident] = []
        self.answers: list[int] = []
        self.certificate = _make_certificate(folder / "pagerduty.pem")
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(self.certificate)
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.environment = {"HTTPS_PROXY": self.url, "SSL_CERT_FILE": str(self.certificate), "NO_PROXY": ""}

    def take(self, event: dict[str, Any]) -> tuple[int, dict[str, object]]:
        """Status and body of the answer."""
        self.events.append(event)
        if self.answers and (status := self.answers.pop(0)) != 202:
            return status, {"status": REFUSED[status], "message": "Please retry later."}
        if errors := list(_errors_of(event)):
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        return 202, {"status": "success", "message": "Event processed", "dedup_key": self._apply(event)}

    def _apply(self, event: dict[str, Any]) -> str:
        """An event without a key, or with one that no open incident has, opens one; resolving a closed one does nothing."""
        key = event.get("dedup_key") or uuid4().hex
        found = next((incident for incident in self.incidents if incident.is_open and incident.key == key), None)
        if event["event_action"] == "trigger":
            if found is None:
                found = Incident(key)
                self.incidents.append(found)
            found.summaries.append(event["payload"]["summary"])
        elif event["event_action"] == "resolve" and found is not None:
            found.is_open = False
        return key


def _errors_of(event: dict[str, Any]) -> Iterator[str]:
    if len(event["routing_key"]) != 32:
        yield "Length of 'routing_key' is incorrect (should be 32 characters)"
    if len(event.get("dedup_key", "")) > 255:
        yield "'dedup_key' is too long (maximum is 255 characters)"
    if len(event["payload"]["summary"]) > 1024:
        yield "'summary' is too long (maximum is 1024 characters)"


class _Handler(BaseHTTPRequestHandler):
    """The proxy, and within its tunnel or without one the API."""

    server: PagerDuty

    def do_CONNECT(self) -> None:
        self.server.hosts.append(self.path.removesuffix(":443"))
        self.send_response(200)
        self.end_headers()
        with self.server.tls.wrap_socket(self.connection, server_side=True) as tunnel:
            type(self)(tunnel, self.client_address, self.server)

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, body = self.server.take(event) if self.path == "/v2/enqueue" else (404, {})
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


def _make_certificate(file: Path) -> Path:
    """A key and a certificate of PagerDuty's hosts, which a client trusts when SSL_CERT_FILE says so."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "PagerDuty of the tests")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    hosts = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
    public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.BasicConstraints(ca=True, path_length=None)
    for extension, critical in ((hosts, False), (public, False), (authority, True)):
        builder = builder.add_extension(extension, critical=critical)
    forms = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(key.private_bytes(*forms) + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


@contextmanager
def running_pagerduty(folder: Path) -> Iterator[PagerDuty]:
    """Serve until the block ends; what it needs on disk goes to `folder`."""
    with PagerDuty(folder) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
