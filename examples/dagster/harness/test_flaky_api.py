"""The API answers what it was told to, counts each request, and is gone with its block."""

import json
import urllib.request
from urllib.error import HTTPError, URLError

import pytest
from flaky_api import FlakyApi, running_api


def ask(api: FlakyApi, token: str | None = None) -> object:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(api.url, headers=headers), timeout=5) as response:
        return json.load(response)


def test_statuses_come_in_order_and_the_last_stays() -> None:
    """A lost connection, a busy answer, then the body for ever."""
    with running_api(FlakyApi(statuses=(0, 503, 200), body=[1])) as api:
        with pytest.raises(OSError, match="Remote end closed"):
            ask(api)
        with pytest.raises(HTTPError, match="503"):
            ask(api)
        assert [ask(api), ask(api), api.answered] == [[1], [1], [0, 503, 200, 200]]


def test_only_the_token_opens_it() -> None:
    """No token and a wrong one are refused."""
    with running_api(FlakyApi(body=[1], token="tok-7f3a9c")) as api:
        for wrong in (None, "tok"):
            with pytest.raises(HTTPError, match="401"):
                ask(api, wrong)
        assert (ask(api, "tok-7f3a9c"), api.answered) == ([1], [401, 401, 200])


def test_it_is_gone_with_its_block() -> None:
    """The port is closed afterwards."""
    with running_api(FlakyApi(body=[])) as api:
        ask(api)
    with pytest.raises(URLError, match="refused"):
        ask(api)
