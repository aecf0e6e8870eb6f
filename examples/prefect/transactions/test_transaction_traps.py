"""When a transaction's result is there to read, and what a SERIALIZABLE one needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect import flow
from prefect.exceptions import ConfigurationError
from prefect.locking.memory import MemoryLockManager
from prefect.results import get_result_store
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect.transactions import IsolationLevel, transaction
from prefect_server import PrefectServer


@pytest.fixture(autouse=True)
def results(prefect_server: PrefectServer, tmp_path: Path) -> Iterator[None]:
    """Keys of this test only."""
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "results"}):
        yield


def test_trap_a_staged_value_is_read_after_the_block() -> None:
    """Inside the block there is nothing yet."""

    @flow
    def load() -> int:
        with transaction(key="load") as once:
            once.stage(3)
            with pytest.raises(ValueError, match="does not exist"):
                once.read()
        return once.read().result

    assert load() == 3


def test_trap_serializable_needs_a_lock_manager() -> None:
    """Refused on entry; a store with a lock manager is what it asks for."""

    def enter(**store: object) -> str:
        with transaction(key="once", isolation_level=IsolationLevel.SERIALIZABLE, **store) as once:
            once.stage(1)
        return once.state.value

    with pytest.raises(ConfigurationError, match="not supported by provided configuration"):
        flow(name="no-lock")(enter)()
    locking = get_result_store().model_copy(update={"lock_manager": MemoryLockManager()})
    assert flow(name="lock")(lambda: enter(store=locking))() == "COMMITTED"
