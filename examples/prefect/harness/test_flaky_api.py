"""The API answers what it was told to, counts each request, and is gone with its block."""

from __future__ import annotations

import httpx
import pytest
from flaky_api import running_api


def test_statuses_come_in_order_and_the_last_stays() -> None:
    """A lost connection, a busy answer, then the body for ever; each request is counted."""
    with running_api((0, 503, 200), [1]) as api:
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(api.url)
        answers = [httpx.get(api.url) for _ in range(3)]
        assert ([answer.status_code for answer in answers], answers[-1].json()) == ([503, 200, 200], [1])
        assert api.requests == ["/orders"] * 4


def test_it_is_gone_with_its_block() -> None:
    """The port is closed afterwards."""
    with running_api((200,), []) as api:
        assert httpx.get(api.url).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(api.url)
