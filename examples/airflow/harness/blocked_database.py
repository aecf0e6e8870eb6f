"""Keep task code away from the metadata database, as a worker does, while this process still uses it.

Real: the class and the message that a worker puts in the place of `settings.Session`.
Simulated: the block holds for the calling thread only, because the in-process Execution API answers from
another thread of the same process; a thread that a task starts is therefore not blocked. An engine that
the task itself makes from a URL is not blocked, here or in production.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from private_names import blocked_session

SESSION_NAMES = ("Session", "NonScopedSession", "AsyncSession")
ENGINE_NAMES = ("engine", "async_engine")
NO_ENGINE = "Access to the Airflow Metadatabase from dags is not allowed!"


class _ForOtherThreads:
    """Stands in for a name of `airflow.settings`: the real object for every thread but one."""

    def __init__(self, real: Any, blocked: type | None) -> None:
        self._real, self._blocked, self._thread = real, blocked, get_ident()

    def _choose(self) -> Any:
        if get_ident() != self._thread:
            return self._real
        if self._blocked is None:
            raise AttributeError(NO_ENGINE)
        return self._blocked

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        chosen = self._choose()
        return chosen(*arguments, **options) if chosen is self._real else chosen()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._choose(), name)


@contextmanager
def blocked_database() -> Iterator[None]:
    """Inside the block, the ORM raises in this thread: "Direct database access via the ORM is not allowed"."""
    from airflow import settings

    before = {name: getattr(settings, name) for name in (*SESSION_NAMES, *ENGINE_NAMES) if hasattr(settings, name)}
    for name, real in before.items():
        setattr(settings, name, _ForOtherThreads(real, None if name in ENGINE_NAMES else blocked_session()))
    try:
        yield
    finally:
        for name, real in before.items():
            setattr(settings, name, real)
