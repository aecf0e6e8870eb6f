"""Where a secret lies that looks hidden, and what an async flow gets in its place."""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect import flow
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect_server import PrefectServer
from pydantic import SecretStr

KEY = "sk-51ab90c7e2d4"


@pytest.fixture
def results(prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Path]:
    """An empty folder for the results of this test."""
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield tmp_path / "results"


def test_trap_a_stored_result_holds_the_secret(results: Path) -> None:
    """Base64 of a pickle: a search for the text finds nothing, and whoever decodes it reads the key."""
    flow(name="kept", persist_result=True)(lambda: SecretStr(KEY))()
    [file] = [path for path in results.rglob("*") if path.is_file()]
    stored = file.read_bytes()
    assert (KEY.encode() in stored, KEY.encode() in base64.b64decode(stored)) == (False, True)


def test_trap_in_an_async_flow_load_gives_a_coroutine(prefect_server: PrefectServer) -> None:
    """`Secret.load` has no `get` there; `aload` is awaited and has the value."""
    Secret(value=KEY).save("async-key", overwrite=True)

    @flow
    async def read() -> tuple[bool, str]:
        loaded = Secret.load("async-key")
        is_coroutine = inspect.iscoroutine(loaded)
        loaded.close()
        return is_coroutine, (await Secret.aload("async-key")).get()

    assert asyncio.run(read()) == (True, KEY)


def test_trap_a_document_name_takes_no_underscore(prefect_server: PrefectServer) -> None:
    """Refused as it is saved: a block is named with dashes, a variable with either."""
    with pytest.raises(ValueError, match="lowercase letters, numbers, and dashes"):
        Secret(value=KEY).save("async_key")
